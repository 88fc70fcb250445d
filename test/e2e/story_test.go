package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/test/forge"
)

// story is one run of the process, with what its person and their desk do played in Go.
// Whatever it does it can do again: the server may have died of it.
type story struct {
	key         string // the start's; and the user's name
	personFirst bool   // they press Next before the desk is done
	user, run   string // ids
	signer      *plugout.Signer

	visitor *visitor
	desk    *playedDesk
	relinks int // links that were lost with the server
}

// newSigner makes the key of an installation, and the set that it is in.
func newSigner(t *testing.T) (*plugout.Signer, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := plugout.NewSigner(key, plugout.ES256, "")
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{signer.Public().JWK()}})
	if err != nil {
		t.Fatal(err)
	}
	return signer, string(set)
}

// advance does what there is to do now, and reports whether the run is over.
func (st *story) advance(o *office) (over bool, err error) {
	var r processRun
	if st.run == "" {
		if err := o.try(201, o.startOf(st.key, st.key), &r); err != nil {
			return false, err
		}
		st.run = r.ID
	}
	if err := o.try(200, request{"GET", "/api/v1/process-runs/" + st.run, o.ops, nil}, &r); err != nil || r.Status != "running" {
		return err == nil, err
	}
	var page struct{ Items []personTask }
	if err := o.try(200, request{"GET", "/api/v1/user-tasks?user=" + st.user, o.ops, nil}, &page); err != nil {
		return false, err
	}
	for _, task := range page.Items {
		if err := st.do(o, task); err != nil {
			return false, err
		}
	}
	if st.desk == nil || st.personFirst && len(page.Items) > 0 {
		return false, nil
	}
	return false, st.desk.act(o)
}

// do does a task, as far as that is possible now.
func (st *story) do(o *office, task personTask) (err error) {
	attempt, err := st.progress(o, task.Run)
	if err != nil || !slices.Contains(attempt, "waiting createCredential") && task.Element == "openLink" {
		return err
	}
	if st.visitor == nil {
		if st.visitor, err = o.tryVisit(task.ID); err != nil {
			return err
		}
	}
	if task.Element == "tryLink" { // the server died as the link was redeemed
		st.desk = nil
		st.relinks++
		return st.visitor.tryPress(task.ID, "choice", "again")
	}
	if task.Element != "openLink" {
		return fmt.Errorf("the process stands at %s", task.Element)
	}
	if st.desk == nil {
		link, err := st.visitor.tryLink(task.ID)
		if err != nil {
			return err
		}
		if st.desk, err = o.redeem(link, st.signer); err != nil {
			return err
		}
	}
	if st.personFirst || slices.Contains(attempt, "left createCredential") {
		return st.visitor.tryPress(task.ID)
	}
	return nil
}

// progress is the timeline of a run, as kind and element.
func (st *story) progress(o *office, run string) (all []string, err error) {
	var page struct{ Items []happening }
	err = o.try(200, request{"GET", "/api/v1/process-runs/" + run + "/timeline?limit=1000", o.ops, nil}, &page)
	for _, h := range page.Items {
		all = append(all, h.Kind+" "+h.Element)
	}
	return all, err
}

// playedDesk is a desk that has redeemed a link.
type playedDesk struct {
	openedBox
	signer *plugout.Signer
	key    *forge.Key
	match  bool // the codes have to be compared
}

var errGone = errors.New("the session has ended")

// redeem opens the box behind a link.
func (o *office) redeem(text string, signer *plugout.Signer) (*playedDesk, error) {
	link, err := plugout.ParseLink(text)
	if err != nil {
		return nil, err
	}
	key, err := forge.New()
	if err != nil {
		return nil, err
	}
	_, path, _ := strings.Cut(strings.TrimPrefix(link.BoxURL, "https://"), "/")
	d := &playedDesk{openedBox{id: link.BoxID(), path: "/" + path}, signer, key, false}
	var opened plugout.SessionResponse
	if err := o.try(201, request{"POST", d.path + "/session", nil, plugout.SessionRequest{
		Token: link.Token, Client: plugout.Client{App: "test", Version: "1", OS: "none"},
	}}, &opened); err != nil {
		return nil, err
	}
	d.session, d.match = opened.Session, opened.MatchCode
	return d, nil
}

// act answers what is in the box.
func (d *playedDesk) act(o *office) error {
	var list plugout.MessageList
	text, err := d.call(o, "GET", "", "", nil)
	if errors.Is(err, errGone) {
		return nil
	}
	if err != nil || len(text) == 0 {
		return err
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return err
	}
	for _, item := range list.Messages {
		if err := d.answer(o, item.MessageID); err != nil && !errors.Is(err, errGone) {
			return err
		}
	}
	return nil
}

func (d *playedDesk) answer(o *office, message string) error {
	text, err := d.call(o, "GET", "/"+message, "", nil)
	if err != nil {
		return err
	}
	var m plugout.CommandMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	response := `{}`
	switch m.Type {
	case plugout.SessionStart:
		response = `{"app":"test","version":"1","os":"none","capabilities":["fido2"]}`
	case plugout.FIDOCreateCredential:
		if response, err = d.create(&m); err != nil {
			return err
		}
	}
	payload, err := json.Marshal(plugout.Answer{
		Version: plugout.Version, MessageID: m.MessageID, Nonce: m.Nonce, IssuedAt: time.Now().Unix(),
		Status: plugout.StatusOK, Response: json.RawMessage(response),
	})
	if err != nil {
		return err
	}
	jws, err := d.signer.Sign(payload)
	if err != nil {
		return err
	}
	if _, err := d.call(o, "POST", "/"+message, plugout.MediaTypeJOSE, jws); err != nil || m.Type != plugout.SessionStart || !d.match {
		return err
	}
	_, err = d.call(o, "POST", "/session/confirm", "", nil)
	return err
}

// create makes the credential that a command asks for.
func (d *playedDesk) create(m *plugout.CommandMessage) (string, error) {
	var c plugout.CreateCredentialCommand
	if err := plugout.DecodeCommand(m.Command, &c); err != nil {
		return "", err
	}
	options, err := c.Options()
	if err != nil {
		return "", err
	}
	made, err := d.key.Register(options, c.Origin)
	return `{"credential":` + string(made) + `}`, err
}

// call speaks to the box. What is over is no failure.
func (d *playedDesk) call(o *office, method, path, media string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, o.url+d.path+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = d.header()
	if media != "" {
		req.Header.Set("Content-Type", media)
	}
	resp, err := o.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	switch resp.StatusCode {
	case http.StatusUnauthorized, http.StatusNotFound, http.StatusConflict, http.StatusGone:
		return nil, errGone
	case http.StatusOK, http.StatusAccepted, http.StatusNoContent:
		return text, err
	}
	return nil, fmt.Errorf("%s of the box: %d %s", method, resp.StatusCode, text)
}
