package hermod_test

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"bestow.dev/internal/plugout"
)

// desk is a device that has opened a box.
type desk struct {
	w       *world
	box     string
	session string
	key     *plugout.Signer
	opened  reply
}

// redemption is the body that redeems a link.
func redemption(token string) object {
	return object{"token": token, "client": object{"app": "desktop-app", "version": "2.4.0", "os": "windows"}}
}

// link returns box and token of the link that an API user was given.
func link(t testing.TB, r *receipt) (box, token string) {
	t.Helper()
	l, err := plugout.ParseLink(r.Destinations[0].URI)
	check(t, err)
	return l.BoxID(), l.Token
}

func (w *world) redeem(box, token string) reply {
	w.t.Helper()
	return w.do(call{path: "/ms/" + box + "/session", body: redemption(token)})
}

func (w *world) open(r *receipt) *desk {
	w.t.Helper()
	box, token := link(w.t, r)
	got := w.redeem(box, token)
	if got.status != http.StatusCreated {
		w.t.Fatalf("redeem: %d %s", got.status, got.body)
	}
	session, _ := got.member("session").(string)
	return &desk{w: w, box: box, session: session, key: w.key, opened: got}
}

// started is a session whose start was answered.
func (w *world) started(lifespan int) (*receipt, *desk) {
	w.t.Helper()
	r := w.startSession(lifespan)
	d := w.open(r)
	d.answer(r.message(), plugout.StatusOK, sessionStarted)
	return r, d
}

const sessionStarted = `{"app":"desktop-app","version":"2.4.0","os":"windows","capabilities":["fido2"]}`

func (d *desk) header() map[string]string {
	return map[string]string{"Authorization": "Bearer " + d.session}
}

// do calls the box as the device that opened it.
func (d *desk) do(method, suffix string) reply {
	d.w.t.Helper()
	return d.w.do(call{method: method, path: "/ms/" + d.box + suffix, header: d.header()})
}

// list returns the ids of the messages there are.
func (d *desk) list() []string {
	d.w.t.Helper()
	r := d.do("GET", "")
	if r.status == http.StatusNoContent {
		return nil
	}
	if r.status != http.StatusOK {
		d.w.t.Fatalf("list: %d %s", r.status, r.body)
	}
	var l struct{ Messages []struct{ Mid string } }
	r.into(d.w.t, &l)
	var ids []string
	for _, m := range l.Messages {
		ids = append(ids, m.Mid)
	}
	return ids
}

// message is a command as the device reads it.
type message struct {
	V                         int
	Bid, Mid, Type, Requester string
	Issued, Expires           time.Time
	Nonce                     string
	Format                    string          `json:"responseformat"`
	Key                       string          `json:"responsesignaturekey"`
	Command                   json.RawMessage `json:"command"`
}

func (d *desk) fetch(mid string) *message {
	d.w.t.Helper()
	r := d.do("GET", "/"+mid)
	if r.status != http.StatusOK {
		d.w.t.Fatalf("fetch: %d %s", r.status, r.body)
	}
	var m message
	r.into(d.w.t, &m)
	return &m
}

// payload is a good answer to m.
func (d *desk) payload(m *message, status plugout.Status, response string) object {
	p := object{"v": 1, "mid": m.Mid, "nonce": m.Nonce, "iat": d.w.Now().Unix(), "status": status}
	if status == plugout.StatusOK {
		p["response"] = json.RawMessage(response)
	} else {
		p["error"] = object{"message": "the device says no", "ctap": "0x32"}
	}
	return p
}

// post posts payload as a compact JWS.
func (d *desk) post(mid string, payload any) reply {
	d.w.t.Helper()
	return d.postAs(mid, plugout.MediaTypeJOSE, d.sign(payload))
}

func (d *desk) postAs(mid, media string, body any) reply {
	d.w.t.Helper()
	h := d.header()
	h["Content-Type"] = media
	return d.w.do(call{path: "/ms/" + d.box + "/" + mid, body: body, header: h})
}

func (d *desk) sign(payload any) []byte {
	d.w.t.Helper()
	text, err := json.Marshal(payload)
	check(d.w.t, err)
	jws, err := d.key.Sign(text)
	check(d.w.t, err)
	return jws
}

// answer fetches a message and answers it as an agent does.
func (d *desk) answer(mid string, status plugout.Status, response string) {
	d.w.t.Helper()
	if r := d.post(mid, d.payload(d.fetch(mid), status, response)); r.status != http.StatusAccepted || len(r.body) > 0 {
		d.w.t.Fatalf("answer: %d %s", r.status, r.body)
	}
}
