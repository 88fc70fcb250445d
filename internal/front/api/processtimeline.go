package api

import (
	"context"
	"time"

	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
)

// timelineEntry is one line of a run's timeline.
type timelineEntry struct {
	Seq     int64     `json:"seq" doc:"Counts from 1 without gaps"`
	Time    time.Time `json:"time"`
	Kind    string    `json:"kind" example:"entered" doc:"entered, left, interrupted and failed of elements; started and ended of the run; task and task_done of people; called of other processes; note, waiting, fault, incident, retried and skipped of jobs"`
	Element string    `json:"element,omitempty" doc:"Left out for the run itself"`
	Flow    string    `json:"flow,omitempty" doc:"By which the element was entered"`
	Attempt int       `json:"attempt,omitempty" doc:"Of a job"`
	Text    string    `json:"text,omitempty" doc:"For people"`
	Actor   string    `json:"actor,omitempty" doc:"Who did it; left out for the process itself"`
}

func fromEntry(e *process.Entry) timelineEntry {
	return timelineEntry{
		Seq: e.Seq, Time: e.At, Kind: string(e.Kind), Element: e.Element, Flow: e.Flow,
		Attempt: e.Attempt, Text: e.Text, Actor: e.Actor,
	}
}

// timeline is a part of a run's timeline.
type timeline struct {
	Items []timelineEntry `json:"items" nullable:"false" doc:"In order. The seq of the last is the after of the next call; it may bring more at any time while the run is running"`
}

type timelineQuery struct {
	RunPath
	After int64 `query:"after" minimum:"0" doc:"Only entries after the one with this seq"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" doc:"100 if left out"`
}

func (f *front) getTimeline(ctx context.Context, by tenant.Authority, in *timelineQuery) (*answer[timeline], error) {
	entries, err := f.Processes.Timeline(ctx, by, in.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return &answer[timeline]{timeline{each(entries, fromEntry)}}, nil
}
