package demo

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// told is an entry of a run's timeline, with the run's definition.
type told struct {
	entry
	of string
}

// readRuns prints how the run and the one that it called went, and returns what the key
// answered.
func (p *play) readRuns(ctx context.Context) (answer json.RawMessage, err error) {
	s := p.t.begin(identityManager, ourAPI, "GET process-runs/{id}/timeline, of both runs")
	var outer run
	if err := p.manager.get(ctx, "/process-runs/"+p.run, &outer); err != nil {
		return nil, s.failed(err)
	}
	inner, err := p.manager.calledBy(ctx, p.run)
	if err != nil {
		return nil, s.failed(err)
	}
	var all []told
	for _, r := range []run{outer, inner} {
		if r.Status != "completed" {
			return nil, s.failed(fmt.Errorf("run %s is %s: %s", r.ID, r.Status, r.Message))
		}
		entries, err := p.manager.timelineOf(ctx, r.ID)
		if err != nil {
			return nil, s.failed(err)
		}
		for _, e := range entries {
			all = append(all, told{e, r.Definition})
		}
	}
	if len(all) == 0 {
		return nil, s.failed(errors.New("the timelines are empty"))
	}
	s.done(course(all)...)
	if answer = inner.Variables["fidoCredential"]; len(answer) == 0 {
		return nil, s.failed(errors.New("the run has no credential among its variables"))
	}
	return answer, nil
}

// passing are the kinds of entries that say where a run came by, and not what was done.
var passing = []string{"entered", "left"}

// course is what was done in the runs, in order, with the time since the first of it.
func course(all []told) []string {
	slices.SortStableFunc(all, func(a, b told) int { return cmp.Or(a.Time.Compare(b.Time), -strings.Compare(a.of, b.of)) })
	lines := []string{fmt.Sprintf("%d entries, both runs have completed; without the steps between:", len(all))}
	for _, e := range all {
		if slices.Contains(passing, e.Kind) {
			continue
		}
		text := e.Text
		if e.Actor != "" {
			text = strings.TrimLeft(text+", by "+e.Actor, ", ")
		}
		line := fmt.Sprintf("%6d ms  %-20s  %-9s %-16s  %s", e.Time.Sub(all[0].Time)/time.Millisecond, e.of, e.Kind, e.Element, text)
		lines = append(lines, strings.TrimRight(line, " "))
	}
	return lines
}
