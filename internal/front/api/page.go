package api

import (
	"encoding/base64"
	"slices"
	"strings"

	"bestow.dev/internal/credential"
)

// Paging are the parameters of every list.
type Paging struct {
	Cursor string `query:"cursor" doc:"The next of the page before; left out for the first"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" doc:"Items a page; 100 if left out"`
}

// page is one page of a list.
type page[T any] struct {
	Items []T    `json:"items" nullable:"false"`
	Next  string `json:"next,omitempty" doc:"Cursor of the next page; left out on the last"`
}

// pageOf translates the items of a page.
func pageOf[D, T any](items []D, next string, translate func(*D) T) page[T] {
	return page[T]{Items: each(items, translate), Next: next}
}

// each translates a list; the result is never null.
func each[D, T any](list []D, translate func(*D) T) []T {
	out := make([]T, 0, len(list))
	for i := range list {
		out = append(out, translate(&list[i]))
	}
	return out
}

// defaultPage is that of the domain.
const defaultPage = 100

// cut returns the page that p asks for of a list that the domain gives whole. key
// orders the list, and every item has its own. The list is ordered here: databases have
// orders of their own for text, and a cursor has to mean the same in all of them.
func cut[D, T any](all []D, p Paging, key func(D) string, translate func(D) T) (page[T], error) {
	after, err := base64.RawURLEncoding.Strict().DecodeString(p.Cursor)
	if err != nil {
		return page[T]{}, credential.ErrCursor.At("cursor")
	}
	if p.Limit == 0 {
		p.Limit = defaultPage
	}
	all = slices.Clone(all)
	slices.SortStableFunc(all, func(a, b D) int { return strings.Compare(key(a), key(b)) })
	from := 0
	if len(after) > 0 {
		from = slices.IndexFunc(all, func(d D) bool { return key(d) > string(after) })
		if from < 0 {
			from = len(all)
		}
	}
	to := min(from+p.Limit, len(all))
	list := page[T]{Items: make([]T, 0, to-from)}
	for _, d := range all[from:to] {
		list.Items = append(list.Items, translate(d))
	}
	if to < len(all) {
		list.Next = base64.RawURLEncoding.EncodeToString([]byte(key(all[to-1])))
	}
	return list, nil
}
