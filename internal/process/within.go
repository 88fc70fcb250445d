package process

import (
	"context"
	"encoding/json"
	"maps"
	"time"
)

// Brief is a [Handler] of which some work is done in our own database alone.
type Brief interface {
	Handler

	// IsBrief reports whether Do reaches nobody else for this work, and takes no more than
	// some milliseconds. It may be done then in the transaction of the work before it.
	IsBrief(ctx context.Context, w Work) bool
}

const (
	// workWithin is how much work goes into the transaction of the first.
	workWithin = 4

	// withinTime is what all that follows the first may take: what it has written is held meanwhile.
	withinTime = time.Second
)

// goOn does the work that follows, as long as it is brief, in the transaction in which d's
// becomes lasting. Work that goes wrong in it is undone alone, is a job like any other, and is
// done by itself after this one. Where it takes the transaction with it, for a deadlock or a
// connection that is lost, d's work is done again, and nothing follows in its transaction.
func (d *doing) goOn(ctx context.Context) {
	work := ctx
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), withinTime)
	defer cancel()
	for range workWithin - 1 {
		if work.Err() != nil || !d.s.hands.isOpen() || !d.s.store.HasRoom(ctx) {
			return
		}
		next := d.brief(ctx)
		if next == nil {
			return
		}
		begins := next.run
		err := d.s.store.Together(ctx, func(ctx context.Context) error {
			next.run = begins
			next.dropThen() // of an attempt that did not last
			return next.work(ctx)
		})
		if err != nil {
			next.dropThen()
			d.s.log.InfoContext(ctx, "work was not done in the transaction of the work before it, and is done by itself",
				"job", next.job.ID, "run", next.job.Run, "element", next.job.Element, "error", err)
			return
		}
		d.include(next)
	}
}

// brief is the work that follows, if it is brief; or nil.
func (d *doing) brief(ctx context.Context) *doing {
	if d.then == nil || d.then.next == nil || d.then.next.job.Kind != WorkJob {
		return nil
	}
	h := d.then.next
	def, err := d.s.definition(ctx, h.run.Tenant, h.run.Definition, h.run.Version)
	if err != nil {
		return nil
	}
	e := def.Elements[h.job.Element]
	if e == nil || e.Work == nil {
		return nil
	}
	handler, ok := d.s.handlers[e.Work.Task].(Brief)
	if !ok {
		return nil
	}
	next := &doing{s: d.s, job: h.job, run: h.run, spare: d.spare, apart: d.apart, secrets: d.known()}
	w, err := next.asWork(ctx)
	if err != nil || !isBrief(ctx, handler, w) {
		return nil
	}
	next.within = &w
	return next
}

// isBrief asks a handler, and survives it.
func isBrief(ctx context.Context, h Brief, w Work) (brief bool) {
	defer func() {
		if recover() != nil {
			brief = false // it will be asked to do it, and then it is a fault
		}
	}()
	return h.IsBrief(ctx, w)
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
