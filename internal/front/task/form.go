package task

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/page"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
	"bestow.dev/internal/tenant"
	"bestow.dev/internal/web"
)

// fieldPrefix begins the names of a form's fields, so that none is taken for ours.
const fieldPrefix = "field."

// maxFormBytes bounds a form that is sent in.
const maxFormBytes = 1 << 20

// field is one field as a page shows it.
type field struct {
	ID, Name, Label string
	Type            bpmn.FieldType
	Required        bool
	ReadOnly        bool
	Value           string
	Link            string // the value, where it is to be offered as a link
	Checked         bool
	Options         []bpmn.Option
	Problem         string
}

// taskPage is the page of one task.
type taskPage struct {
	ID, Name string
	Person   string // empty: the holder of a link
	Open     bool
	Fields   []field
	Editable bool // there is a field to fill in
	Leads    bool // there is a link to another page
	Problem  string

	ForRole   string // empty: it is one person's
	Mine      bool   // they have taken it
	TakenElse bool   // somebody else has

	Link template.URL // opens the desk; empty: none, or no more
	Live *live        // nil: a form and nothing else
	End  bool         // there is nothing more to come
}

// task shows a task: its form, or what goes on since it is over.
func (f *front) task(w http.ResponseWriter, r *http.Request) error {
	p, c, err := f.course(r, false)
	if err != nil {
		return err
	}
	return f.showTask(w, r, p, c, nil)
}

// showTask shows a task; spoilt is what was sent in and refused.
func (f *front) showTask(w http.ResponseWriter, r *http.Request, p *person, c *process.Course, spoilt *spoilt) error {
	lang, t := page.Language(r), &c.Task
	v := taskPage{
		ID: t.ID, Name: cmp.Or(t.Name, t.Element), Person: p.Name, Open: t.State == process.TaskOpen,
		Mine: t.TakenBy == p.By.Actor.String(), TakenElse: t.TakenBy != "" && t.TakenBy != p.By.Actor.String(),
	}
	if t.Assignee == "" {
		v.ForRole = t.Role
	}
	if !v.Open || t.Form.Key == bpmn.PlugoutForm {
		l, err := f.live(r.Context(), lang, p, c)
		if err != nil {
			return err
		}
		if l.Go != "" && l.Go != pathOf(t.ID) {
			redirect(w, r, l.Go)
			return nil
		}
		if l.State != stateForm {
			v.Live, v.End = l, l.State == stateEnded
		}
		if l.CanOpen {
			v.Link = linkOf(t)
		}
	}
	status := http.StatusOK
	if v.Open {
		v.Fields = fields(t)
	}
	if spoilt != nil {
		spoilt.into(lang, &v)
		status = http.StatusUnprocessableEntity
	}
	for i := range v.Fields {
		v.Editable = v.Editable || !v.Fields[i].ReadOnly
		v.Leads = v.Leads || v.Fields[i].Link != ""
	}
	return showAs(w, r, status, "task.html", v)
}

// linkOf returns the link that a form holds, if it is one: only the scheme of the desktop
// agent is let through. The link is in no other place than the page of whom it is for.
func linkOf(t *process.Task) template.URL {
	link := text(t.Values[bpmn.PlugoutURLField])
	if _, err := plugout.ParseLink(link); err != nil {
		return ""
	}
	return template.URL(link)
}

// fields are the fields of a form that a page shows. What the plugout form is about is
// shown by the page itself, under whatever name the link is among the fields.
func fields(t *process.Task) []field {
	var all []field
	for i := range t.Form.Fields {
		d := &t.Form.Fields[i]
		value := text(t.Values[d.Name])
		if t.Form.Key == bpmn.PlugoutForm {
			_, err := plugout.ParseLink(value)
			if d.Name == bpmn.PlugoutURLField || d.Name == bpmn.PlugoutSessionField || err == nil {
				continue
			}
		}
		all = append(all, field{
			ID: "field-" + strconv.Itoa(i), Name: d.Name, Label: cmp.Or(d.Label, d.Name), Type: d.Type, Required: d.Required,
			ReadOnly: d.ReadOnly, Value: value, Link: pageLink(&t.Form, d, value), Checked: value == "true", Options: d.Options,
		})
	}
	return all
}

// pageLink returns the value of a form's field if it is a link that the page offers: in the
// form that is there for it, and to https alone.
func pageLink(form *bpmn.Form, d *bpmn.Field, value string) string {
	if form.Key != bpmn.InvitationForm || !d.ReadOnly {
		return ""
	}
	u, err := url.Parse(value)
	if err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
		return ""
	}
	return value
}

// text is a value as a form shows it.
func text(v json.RawMessage) string {
	var s string
	switch {
	case len(v) == 0 || string(v) == "null":
		return ""
	case json.Unmarshal(v, &s) == nil:
		return s
	}
	return string(v)
}

// complete hands in a form.
func (f *front) complete(w http.ResponseWriter, r *http.Request) error {
	p, c, err := f.course(r, false)
	if err != nil {
		return err
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		return web.ErrTooLarge.Because(err)
	}
	sent := read(&c.Task.Form, r)
	_, err = f.Processes.CompleteTask(r.Context(), p.By, c.Task.ID, sent.values)
	switch {
	case errors.Is(err, process.ErrForm):
		web.LogFault(r.Context(), err)
		sent.refused = fault.From(err).Field
		return f.showTask(w, r, p, c, sent)
	case errors.Is(err, process.ErrTaskOver): // pressed twice, or the run was faster: see what came of it
	case err != nil:
		return err
	}
	redirect(w, r, pathOf(c.Task.ID))
	return nil
}

// spoilt is what was filled in, to be shown again if it is refused.
type spoilt struct {
	written map[string]string
	values  map[string]json.RawMessage
	refused string // name of the field
}

// read takes the fields out of what was sent. What does not have its field's form stays
// text, which the process refuses.
func read(form *bpmn.Form, r *http.Request) *spoilt {
	s := &spoilt{written: map[string]string{}, values: map[string]json.RawMessage{}}
	for i := range form.Fields {
		d := &form.Fields[i]
		if d.ReadOnly {
			continue
		}
		written := r.PostForm.Get(fieldPrefix + d.Name)
		s.written[d.Name] = written
		var v any = strings.ReplaceAll(written, "\r\n", "\n")
		switch d.Type {
		case bpmn.BooleanField:
			v = written == "true"
		case bpmn.NumberField:
			if n, err := strconv.ParseInt(strings.TrimSpace(written), 10, 64); err == nil {
				v = n
			}
		}
		s.values[d.Name], _ = json.Marshal(v) // text, a number or a truth cannot fail
	}
	return s
}

// into fills a page with what was written, and says what is wrong with it.
func (s *spoilt) into(lang string, v *taskPage) {
	v.Problem = texts["form.problem"].In(lang)
	for i := range v.Fields {
		d := &v.Fields[i]
		if d.ReadOnly {
			continue
		}
		d.Value = s.written[d.Name]
		d.Checked = d.Value == "true"
		if d.Name != s.refused {
			continue
		}
		if strings.TrimSpace(d.Value) == "" {
			d.Problem = texts["form.required"].In(lang)
		} else {
			d.Problem = first(lang, "form."+string(d.Type), "form.string")
		}
	}
}

// take has an operator do a task of their role, so that nobody else does.
func (f *front) take(w http.ResponseWriter, r *http.Request) error {
	return f.hand(w, r, f.Processes.TakeTask)
}

// giveBack undoes take.
func (f *front) giveBack(w http.ResponseWriter, r *http.Request) error {
	return f.hand(w, r, f.Processes.GiveTaskBack)
}

// hand does something with a task of a role, and shows it again.
func (f *front) hand(w http.ResponseWriter, r *http.Request, do func(context.Context, tenant.Authority, string) error) error {
	p, c, err := f.course(r, false)
	if err != nil {
		return err
	}
	if err := do(r.Context(), p.By, c.Task.ID); err != nil && !errors.Is(err, process.ErrTaskOver) {
		return err
	}
	redirect(w, r, pathOf(c.Task.ID))
	return nil
}
