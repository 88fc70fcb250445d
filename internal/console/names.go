package console

import (
	"context"
	"strings"

	"bestow.dev/internal/audit"
)

// Party is somebody on a page.
type Party struct {
	Kind string // of an actor: one of package audit's, or "visitor"; empty for a mere user
	ID   string // of a user, for a link to their page; empty for who is none
	Name string // empty for a user who is gone
}

// Names finds what users are called; each is asked for once. It is good for one request.
type Names struct{ names names }

// Names returns a Names with the rights of the operator.
func (o *Operator) Names() *Names {
	return &Names{names{o.console, o.By, map[string]string{}}}
}

// User returns the user with an id; the zero Party for none.
func (n *Names) User(ctx context.Context, id string) (Party, error) {
	if id == "" {
		return Party{}, nil
	}
	name, err := n.names.of(ctx, id)
	return Party{ID: id, Name: name}, err
}

// Actor returns an actor that is written as kind:id; the zero Party for none.
func (n *Names) Actor(ctx context.Context, text string) (Party, error) {
	kind, id, ok := strings.Cut(text, ":")
	if !ok {
		return Party{}, nil
	}
	a, err := n.names.actor(ctx, audit.Actor{Kind: audit.ActorKind(kind), ID: id})
	return Party{a.Kind, a.ID, a.Name}, err
}
