package settings

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"bestow.dev/internal/console"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/web"
)

type serverPage struct {
	provision.MessagingServer
	New     bool
	Own     bool // it is our own relay
	Times   times
	Sets    []keySet
	Set     string // name of a set that was to be added
	Keys    string // and its text
	By      console.Party
	Saved   bool
	Test    *provision.Tested
	Problem *problem
}

// times are what stands in the form, in seconds.
type times struct{ Lifespan, Timeout, SessionStart string }

// keySet is a set of attestation keys as a page shows it.
type keySet struct {
	Name string
	Keys []key
	Text string // as it was given
}

// key is what people tell a public key by.
type key struct{ ID, Type, Algorithm string }

// server shows a messaging server, or an empty form where no name is given.
func (d *door) server(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	name := r.URL.Query().Get("name")
	if name == "" {
		return showServer(w, o, &serverPage{New: true, Own: true, Times: timesOf(&provision.MessagingServer{
			Lifespan: provision.DefaultLifespan, Timeout: provision.DefaultTimeout, SessionStart: provision.DefaultSessionStart,
		})})
	}
	p, err := d.serverPage(r, o, name)
	if err != nil {
		return err
	}
	p.Saved = r.URL.Query().Has("saved")
	return showServer(w, o, p)
}

func showServer(w http.ResponseWriter, o *console.Operator, p *serverPage) error {
	return show(w, o, console.View{Name: "server.html", Title: "server.title", Data: p, Status: p.Problem.statusOf()})
}

func (d *door) serverPage(r *http.Request, o *console.Operator, name string) (*serverPage, error) {
	m, err := d.Provision.MessagingServer(r.Context(), o.By, name)
	if err != nil {
		return nil, err
	}
	p := &serverPage{MessagingServer: *m, Own: m.IsInternal(), Times: timesOf(m), Sets: setsOf(m.KeySets)}
	p.By, err = o.Names().Actor(r.Context(), m.ChangedBy)
	return p, err
}

func timesOf(m *provision.MessagingServer) times {
	seconds := func(d time.Duration) string { return strconv.FormatInt(int64(d/time.Second), 10) }
	return times{seconds(m.Lifespan), seconds(m.Timeout), seconds(m.SessionStart)}
}

// setsOf returns sets of keys by name, with what tells their keys apart.
func setsOf(sets map[string]json.RawMessage) (list []keySet) {
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		var jwks struct {
			Keys []struct{ Kid, Kty, Crv, Alg string }
		}
		shown := keySet{Name: name, Text: string(sets[name])}
		if json.Unmarshal(sets[name], &jwks) == nil {
			for _, k := range jwks.Keys {
				shown.Keys = append(shown.Keys, key{k.Kid, strings.TrimSpace(k.Kty + " " + k.Crv), k.Alg})
			}
		}
		list = append(list, shown)
	}
	return list
}

// putServer makes or changes a messaging server. What was refused is shown again, the
// token excepted.
func (d *door) putServer(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	p := &serverPage{New: true}
	version, err := versionFrom(r.PostForm)
	if err != nil {
		return err
	}
	if version != 0 {
		if p, err = d.serverPage(r, o, r.PostForm.Get("name")); err != nil {
			return err
		}
	}
	p.Version = version
	err = p.fill(r)
	if err == nil {
		err = d.storeServer(r, o, p)
	}
	if err == nil {
		http.Redirect(w, r, named(serverPath, p.Name, "&saved"), http.StatusSeeOther)
		return nil
	}
	if p.Problem, err = refused(r, o, err); err != nil {
		return err
	}
	return showServer(w, o, p)
}

// storeServer stores what was filled in. A new messaging server takes no other's name.
func (d *door) storeServer(r *http.Request, o *console.Operator, p *serverPage) error {
	if p.New {
		_, err := d.Provision.MessagingServer(r.Context(), o.By, p.Name)
		if err == nil {
			return provision.ErrServer.At("name").Saying("There is a messaging server of this name already.")
		}
		if !errors.Is(err, provision.ErrServerUnknown) {
			return err
		}
	}
	_, err := d.Provision.PutMessagingServer(r.Context(), o.By, p.MessagingServer, secretFrom(r.PostForm, "token"))
	return err
}

// fill puts what was filled in into p.
func (p *serverPage) fill(r *http.Request) (err error) {
	form, m := r.PostForm, &p.MessagingServer
	m.Name, m.Description = strings.TrimSpace(form.Get("name")), strings.TrimSpace(form.Get("description"))
	if p.Own = form.Get("where") == "own"; p.Own {
		m.URL = provision.Internal
	} else {
		m.URL = strings.TrimSpace(form.Get("url"))
	}
	p.Times = times{form.Get("lifespan"), form.Get("timeout"), form.Get("session-start")}
	if m.Lifespan, err = secondsFrom(p.Times.Lifespan, "lifespan"); err != nil {
		return err
	}
	if m.Timeout, err = secondsFrom(p.Times.Timeout, "timeout"); err != nil {
		return err
	}
	if m.SessionStart, err = secondsFrom(p.Times.SessionStart, "sessionStart"); err != nil {
		return err
	}
	return p.fillSets(r)
}

// fillSets drops the sets of keys that are to go, and adds the one that was given.
func (p *serverPage) fillSets(r *http.Request) error {
	sets := maps.Clone(p.KeySets)
	if sets == nil {
		sets = make(map[string]json.RawMessage)
	}
	for _, name := range r.PostForm["drop-set"] {
		delete(sets, name)
	}
	p.KeySets, p.Set, p.Keys = sets, strings.TrimSpace(r.PostForm.Get("set")), strings.TrimSpace(r.PostForm.Get("keys"))
	if file, header, err := r.FormFile("keys-file"); err == nil && header.Size > 0 {
		defer file.Close()
		text, err := io.ReadAll(io.LimitReader(file, maxFormBytes))
		if err != nil {
			return web.ErrInterrupted.Because(err)
		}
		p.Keys = string(text)
	}
	if p.Set == "" && p.Keys == "" {
		return nil
	}
	if p.Set == "" || p.Keys == "" {
		return provision.ErrServer.At("attestationKeySets").Saying("A set of attestation keys has a name and a JWKS.")
	}
	if !json.Valid([]byte(p.Keys)) {
		return provision.ErrServer.At("attestationKeySets").Saying("The set %s is not a set of public keys (JWKS).", p.Set)
	}
	sets[p.Set] = json.RawMessage(p.Keys)
	return nil
}

func secondsFrom(text, field string) (time.Duration, error) {
	if text = strings.TrimSpace(text); text == "" {
		return 0, nil // the usual one
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil || n < 1 {
		return 0, provision.ErrServer.At(field).Saying("A time is a number of whole seconds.")
	}
	return time.Duration(n) * time.Second, nil
}

// testServer tries a messaging server and shows what came of it.
func (d *door) testServer(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	tested, err := d.Provision.TestMessagingServer(r.Context(), o.By, name)
	var trouble *problem
	if err != nil {
		if trouble, err = refused(r, o, err); err != nil {
			return err
		}
	}
	p, err := d.serverPage(r, o, name)
	if err != nil {
		return err
	}
	p.Test, p.Problem = tested, trouble
	return showServer(w, o, p)
}

// deleteServer removes a messaging server, if the box that confirms it was ticked.
func (d *door) deleteServer(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	name := r.PostForm.Get("name")
	if !r.PostForm.Has("sure") {
		http.Redirect(w, r, named(serverPath, name, ""), http.StatusSeeOther)
		return nil
	}
	if err := d.Provision.DeleteMessagingServer(r.Context(), o.By, name); err != nil {
		return err
	}
	http.Redirect(w, r, listPath+"?"+url.Values{"deleted": {name}}.Encode(), http.StatusSeeOther)
	return nil
}
