package main

import (
	"context"
	"fmt"
	"time"

	"heji/services/store"
)

// bodyCommand keeps who is responsible for whom: what a worker sees follows it.
type bodyCommand struct {
	Put    bodyPut    `cmd:"" help:"Register a community, street, town, county or department, or change it."`
	Answer bodyAnswer `cmd:"" help:"Make a body responsible for an area in some domains. What was given before for the same ends the day before."`
	List   bodyList   `cmd:"" help:"List the bodies and the areas that they answer for today."`
}

type bodyPut struct {
	accountStore
	ID     string `arg:"" help:"As accounts will name it."`
	Name   string `required:""`
	Kind   string `required:"" help:"community, street, town, county, department."`
	Parent string `help:"The body above it."`
}

// Run registers a body.
func (c *bodyPut) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		return st.PutBody(ctx, store.Body{ID: c.ID, Name: c.Name, Kind: store.BodyKind(c.Kind), Parent: c.Parent})
	})
}

type bodyAnswer struct {
	accountStore
	ID     string    `arg:""`
	Area   string    `required:"" help:"The community as addresses write it."`
	Domain []string  `required:"" help:"party, civil_affairs, …: of the code table domain."`
	Basis  string    `help:"For those who live there (residence), or whose hukou is there (hukou)." default:"residence"`
	From   time.Time `help:"The first day; today where none is given." format:"2006-01-02"`
}

// Run makes a body responsible.
func (c *bodyAnswer) Run(ctx context.Context) error {
	if c.From.IsZero() {
		c.From = time.Now()
	}
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		for _, d := range c.Domain {
			r := store.Responsibility{Domain: d, Body: c.ID, Area: c.Area, Basis: store.Basis(c.Basis), From: c.From}
			if err := st.PutResponsibility(ctx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

type bodyList struct{ accountStore }

// Run lists the bodies.
func (c *bodyList) Run(ctx context.Context) error {
	return c.in(ctx, func(ctx context.Context, st *store.Store) error {
		list, err := st.Bodies(ctx)
		if err != nil {
			return err
		}
		areas, err := st.Areas(ctx, time.Now())
		if err != nil {
			return err
		}
		w := newColumns(c.out())
		fmt.Fprintln(w, "编号 id\t名称 name\t类别 kind\t上级 parent\t")
		for _, b := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", b.ID, b.Name, b.Kind, b.Parent)
			for _, a := range areas[b.ID] {
				fmt.Fprintf(w, "  → %s\t%s\t%s\t\t\n", a.Area, a.Domain, a.Basis)
			}
		}
		return w.Flush()
	})
}
