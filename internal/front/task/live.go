package task

import (
	"context"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// live is what a page shows while things go on, and an event carries.
type live struct {
	State   string `json:"state"`
	Title   string `json:"title"`
	Text    string `json:"text"`           // what to do
	Code    string `json:"code,omitempty"` // to be compared with what the agent shows
	Desk    string `json:"desk,omitempty"` // who opened the link
	CanOpen bool   `json:"canOpen"`        // the link is still of use
	Go      string `json:"go,omitempty"`   // where to go on; empty: stay
}

// The states beside those of a desk.
const (
	stateUnclear = "unclear" // the relay does not answer
	stateForm    = "form"    // it is filled in, and nothing goes on
	stateGoesOn  = "goes_on" // the process is at work
	stateOthers  = "others"  // somebody else is needed
	stateEnded   = "ended"
)

// live says how things stand, in words. Once there is another page for it, Go leads there.
func (f *front) live(ctx context.Context, lang string, p *person, c *process.Course) (*live, error) {
	over := c.Task.State != process.TaskOpen
	var desk *provision.Desk
	if c.Task.Form.Key == bpmn.PlugoutForm {
		var err error
		if desk, err = f.desk(ctx, p.By, c); err != nil {
			return nil, err
		}
	}
	switch {
	case over && c.Next != "":
		return &live{State: stateGoesOn, Title: texts["live.goes_on"].In(lang), Go: pathOf(c.Next)}, nil
	case over && c.Status != process.Running:
		l := ended(lang, c, desk)
		l.Go = pathOf(c.Task.ID)
		return l, nil
	case !over && desk == nil:
		return &live{State: stateForm, CanOpen: true}, nil
	case desk != nil && !(over && desk.State == provision.DeskDone):
		return atDesk(lang, desk, over), nil
	case c.Busy:
		return &live{State: stateGoesOn, Title: texts["live.goes_on"].In(lang), Text: texts["do.goes_on"].In(lang)}, nil
	}
	return &live{State: stateOthers, Title: texts["live.others"].In(lang), Text: texts["do.others"].In(lang)}, nil
}

// desk returns where the task's desk is; nil for a form without a session.
func (f *front) desk(ctx context.Context, by tenant.Authority, c *process.Course) (*provision.Desk, error) {
	if text(c.Task.Values[bpmn.PlugoutSessionField]) == "" {
		return nil, nil
	}
	d, err := f.Provision.DeskOf(ctx, by, c)
	if err != nil && ctx.Err() == nil {
		web.LogFault(ctx, err)
		return &provision.Desk{State: stateUnclear}, nil
	}
	return d, err
}

// atDesk says how things stand at the desk.
func atDesk(lang string, d *provision.Desk, over bool) *live {
	state := string(d.State)
	l := &live{
		State: state, Title: texts["live."+state].In(lang), Code: d.MatchCode,
		CanOpen: d.State == provision.DeskWaiting || state == stateUnclear,
	}
	if d.Client != nil {
		l.Desk, _ = texts.Say(lang, "live.desk", d.Client.App, d.Client.Version, d.Client.OS, d.Client.Address) // the key is there
	}
	switch {
	case d.State == provision.DeskFailed:
		l.Title = why(lang, d.Problem, d.Error)
		l.Text = whatNow(lang, d.Problem, d.Error)
		if !over {
			l.Text += " " + texts["do.next"].In(lang)
		}
	case d.State == provision.DeskDone:
		l.Text = texts["do.next_done"].In(lang)
	case l.Code != "":
		l.Text = texts["do.compare"].In(lang)
	default:
		l.Text = texts["do."+state].In(lang)
	}
	return l
}

// why says what went wrong, and whatNow what to do about it: by what the other side called
// it, which begins the message, or by the type of the error.
func why(lang, problem, kind string) string {
	return first(lang, "why."+code(problem), "why."+kind, "why.other")
}

func whatNow(lang, problem, kind string) string {
	return first(lang, "now."+code(problem), "now."+kind, "now.other")
}

// code is the first word of a message.
func code(problem string) string {
	word, _, _ := strings.Cut(problem, ":")
	word, _, _ = strings.Cut(word, " ")
	return word
}

// ended says how the run came to its end.
func ended(lang string, c *process.Course, desk *provision.Desk) *live {
	l := &live{State: stateEnded}
	switch {
	case c.Status == process.Cancelled:
		l.Title, l.Text = texts["end.cancelled"].In(lang), texts["end.cancelled_now"].In(lang)
	case c.Status == process.Failed:
		problem, kind := c.EndText, c.EndCode
		if w := lastFailure(c.Works); w != nil {
			problem, kind = w.Message, w.Code
		}
		l.Title, l.Text = why(lang, problem, kind), texts["end.failed_now"].In(lang)
	case desk != nil && desk.State == provision.DeskFailed:
		l.Title, l.Text = why(lang, desk.Problem, desk.Error), texts["end.failed_now"].In(lang)
	case desk != nil:
		l.Title, l.Text = texts["end.created"].In(lang), texts["end.created_now"].In(lang)
	default:
		l.Title, l.Text = texts["end.completed"].In(lang), texts["end.completed_now"].In(lang)
	}
	return l
}

// lastFailure is the last work, if it failed.
func lastFailure(works []process.WorkDone) *process.WorkDone {
	if n := len(works); n > 0 && works[n-1].State == process.WorkFailed {
		return &works[n-1]
	}
	return nil
}
