package store

import (
	"context"
	"sync"
)

// lines has a node's transactions queue for a tenant's trail in this process, so
// that the server sees one of them at a time wait for the row that is its head. With
// 32 writers to one trail that is half as many transactions a second again.
type lines struct{ places sync.Map } // by tenant: a channel that holds one

func (l *lines) of(tenant string) chan struct{} {
	place, _ := l.places.LoadOrStore(tenant, make(chan struct{}, 1))
	return place.(chan struct{})
}

// turns are the places that a transaction holds until it has ended.
type turns struct {
	tenants []string
	places  []chan struct{}
}

func (t *turns) take(ctx context.Context, tenant string, place chan struct{}) error {
	select {
	case place <- struct{}{}:
		t.tenants, t.places = append(t.tenants, tenant), append(t.places, place)
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (t *turns) end() {
	for _, place := range t.places {
		<-place
	}
	t.places = nil
}
