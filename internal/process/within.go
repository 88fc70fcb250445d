package process

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
)

// Brief is a [Handler] of which some work is done in our own database alone.
type Brief interface {
	Handler

	// IsBrief reports whether Do reaches nobody else for this work, and takes no more than
	// some milliseconds. It may be done then in the transaction of the work before it.
	IsBrief(ctx context.Context, w Work) bool
}

// workWithin is how much work goes into the transaction of the first.
const workWithin = 4

// errNotBrief says that work cannot be done in the transaction of the work before it.
var errNotBrief = errors.New("process: the work is not brief")

// goOn does the work that follows, as long as it is brief, in the transaction in which d's
// becomes lasting. Whatever goes wrong with it undoes nothing else, and is found out again:
// it is a job like any other, and done by itself after this one.
func (d *doing) goOn(ctx context.Context) {
	for range workWithin - 1 {
		if d.then == nil || d.then.next == nil || d.then.next.job.Kind != WorkJob || !d.s.store.HasRoom(ctx) {
			return
		}
		h := d.then.next
		next := &doing{s: d.s, job: h.job, spare: d.spare, apart: d.apart, within: true, secrets: d.known()}
		err := d.s.store.Together(ctx, func(ctx context.Context) error {
			next.run = h.run
			next.dropThen() // of an attempt that did not last
			return next.work(ctx)
		})
		if err != nil {
			next.dropThen()
			return
		}
		d.include(next)
	}
}

// known are the secrets of the run that are known once d is done.
func (d *doing) known() map[string]json.RawMessage {
	if len(d.made) == 0 {
		return d.secrets
	}
	known := make(map[string]json.RawMessage, len(d.secrets)+len(d.made)) // others may have the map that was handed over
	maps.Copy(known, d.secrets)
	maps.Copy(known, d.made)
	return known
}

// include has d be what is done once next is, too.
func (d *doing) include(next *doing) {
	others := d.then.others
	d.run, d.then, d.made = next.run, next.then, next.known()
	if d.then == nil { // it waits
		d.then = &followUps{s: d.s}
	}
	d.then.others = append(others, d.then.others...)
	d.after++
}
