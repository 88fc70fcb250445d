package settings

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"bestow.dev/internal/console"
	"bestow.dev/internal/provision"
)

type connectionPage struct {
	provision.Connection
	New          bool
	Own          bool   // it leads to ourselves
	RelyingParty string // behind ourselves
	By           console.Party
	Saved        bool
	Test         *provision.Tested
	Problem      *problem
}

// connection shows a connection, or an empty form where no name is given.
func (d *door) connection(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	name := r.URL.Query().Get("name")
	if name == "" {
		return showConnection(w, o, &connectionPage{New: true})
	}
	p, err := d.connectionPage(r, o, name)
	if err != nil {
		return err
	}
	p.Saved = r.URL.Query().Has("saved")
	return showConnection(w, o, p)
}

func showConnection(w http.ResponseWriter, o *console.Operator, p *connectionPage) error {
	return show(w, o, console.View{Name: "connection.html", Title: "connection.title", Data: p, Status: p.Problem.statusOf()})
}

func (d *door) connectionPage(r *http.Request, o *console.Operator, name string) (*connectionPage, error) {
	c, err := d.Provision.Connection(r.Context(), o.By, name)
	if err != nil {
		return nil, err
	}
	p := &connectionPage{Connection: *c, Own: c.IsInternal()}
	if p.Own {
		p.RelyingParty = c.RelyingParty()
	}
	p.By, err = o.Names().Actor(r.Context(), c.ChangedBy)
	return p, err
}

// putConnection makes or changes a connection. What was refused is shown again, the
// secret excepted.
func (d *door) putConnection(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	in, err := connectionFrom(r.PostForm)
	if err != nil {
		return err
	}
	stored, err := d.storeConnection(r, o, in)
	if err == nil {
		http.Redirect(w, r, named(connectionPath, stored.Name, "&saved"), http.StatusSeeOther)
		return nil
	}
	trouble, err := refused(r, o, err)
	if err != nil {
		return err
	}
	p := &connectionPage{New: true}
	if in.Version != 0 {
		if p, err = d.connectionPage(r, o, in.Name); err != nil {
			return err
		}
	}
	in.HasSecret, in.Changed = p.HasSecret, p.Changed
	p.Connection, p.Problem = in, trouble
	p.Own, p.RelyingParty = in.IsInternal(), strings.TrimSpace(r.PostForm.Get("relying-party"))
	return showConnection(w, o, p)
}

// storeConnection stores what was filled in. A new connection takes no other's name.
func (d *door) storeConnection(r *http.Request, o *console.Operator, in provision.Connection) (*provision.Connection, error) {
	if in.Version == 0 {
		_, err := d.Provision.Connection(r.Context(), o.By, in.Name)
		if err == nil {
			return nil, provision.ErrConnection.At("name").Saying("There is a connection of this name already.")
		}
		if !errors.Is(err, provision.ErrConnectionUnknown) {
			return nil, err
		}
	}
	return d.Provision.PutConnection(r.Context(), o.By, in, secretFrom(r.PostForm, "secret"))
}

// secretFrom is the secret that was typed, unless it is not asked for.
func secretFrom(form url.Values, field string) string {
	if form.Get("where") == "own" {
		return ""
	}
	return form.Get(field)
}

// connectionFrom reads a connection from its form. Which half of the form counts is for
// the choice at its head to say.
func connectionFrom(form url.Values) (provision.Connection, error) {
	c := provision.Connection{Name: strings.TrimSpace(form.Get("name")), Description: strings.TrimSpace(form.Get("description"))}
	var err error
	if c.Version, err = versionFrom(form); err != nil {
		return c, err
	}
	if form.Get("where") == "own" {
		c.URL = provision.Internal + strings.TrimSpace(form.Get("relying-party"))
		return c, nil
	}
	c.URL, c.ClientID = strings.TrimSpace(form.Get("url")), strings.TrimSpace(form.Get("client"))
	return c, nil
}

// versionFrom is the version that a form was made from; zero for a new setting.
func versionFrom(form url.Values) (int64, error) {
	text := form.Get("version")
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, provision.ErrChanged
	}
	return n, nil
}

// testConnection tries a connection and shows what came of it.
func (d *door) testConnection(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	tested, err := d.Provision.TestConnection(r.Context(), o.By, name)
	var trouble *problem
	if err != nil {
		if trouble, err = refused(r, o, err); err != nil {
			return err
		}
	}
	p, err := d.connectionPage(r, o, name)
	if err != nil {
		return err
	}
	p.Test, p.Problem = tested, trouble
	return showConnection(w, o, p)
}

// deleteConnection removes a connection, if the box that confirms it was ticked.
func (d *door) deleteConnection(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	if !r.PostForm.Has("sure") {
		http.Redirect(w, r, named(connectionPath, name, ""), http.StatusSeeOther)
		return nil
	}
	if err := d.Provision.DeleteConnection(r.Context(), o.By, name); err != nil {
		return err
	}
	http.Redirect(w, r, listPath+"?"+url.Values{"deleted": {name}}.Encode(), http.StatusSeeOther)
	return nil
}
