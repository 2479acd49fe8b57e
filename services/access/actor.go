package access

import (
	"context"
	"slices"
)

// Actor is who a request comes from.
type Actor struct {
	Name    string // signs what is done; unique among accounts and among tokens
	Login   string // of an account
	Account int64  // 0: none
	Roles   []Role
	Session string // names the session in logs; it opens nothing
	Token   int64  // of a program; 0: a person
	Scopes  []Permission
}

// Known reports whether the actor has logged in. Nobody has while there is no
// account: the desk belongs to its machine then.
func (a Actor) Known() bool { return a.Account != 0 || a.Token != 0 }

// May reports whether the actor may do something.
func (a Actor) May(p Permission) bool {
	switch {
	case p == Open:
		return true
	case a.Token != 0:
		// Whoever reviews all pairs judges each of them.
		return slices.Contains(a.Scopes, p) || p == Judge && slices.Contains(a.Scopes, Review)
	case a.Account != 0:
		return p == Self || May(a.Roles, p)
	}
	return false
}

type key struct{}

// With puts the actor into a context.
func With(ctx context.Context, a Actor) context.Context { return context.WithValue(ctx, key{}, a) }

// From is the actor of a context; the zero Actor where nobody has logged in.
func From(ctx context.Context) Actor {
	a, _ := ctx.Value(key{}).(Actor)
	return a
}
