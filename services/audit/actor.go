package audit

import "context"

type actorKey struct{}

type actor struct {
	name string
	sure bool
}

// Anonymous is whoever nobody named.
const Anonymous = "anonymous"

// Hub is the hub itself, where nobody asked it.
const Hub = "heji"

// With says who acts in ctx, known for sure: an account that has logged in. What a
// request claims does not count beside it.
func With(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, actorKey{}, actor{name, true})
}

// Perhaps says who probably acts in ctx, where a request names nobody itself.
func Perhaps(ctx context.Context, name string) context.Context {
	if a, _ := ctx.Value(actorKey{}).(actor); a.sure || name == "" {
		return ctx
	}
	return context.WithValue(ctx, actorKey{}, actor{name, false})
}

// Who is the actor of ctx; named is whom the request names, or "".
func Who(ctx context.Context, named string) string {
	a, _ := ctx.Value(actorKey{}).(actor)
	switch {
	case a.sure:
		return a.name
	case named != "":
		return named
	case a.name != "":
		return a.name
	}
	return Anonymous
}
