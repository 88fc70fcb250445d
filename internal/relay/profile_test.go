package relay_test

import (
	"testing"
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/relay"
)

// provisioned is a profile box of alice and the device that holds it.
func (w *world) provisioned() *agent {
	w.t.Helper()
	r := w.send(plugout.Provision, header(600, 300), `{"userid":"alice","nonce":"n1","profile":{}}`)
	a := w.open(r)
	check(w.t, a.answer(r.Destinations[0].Message, plugout.StatusOK, `{"keys":[]}`))
	w.callbacks()
	return a
}

func TestProfileBox(t *testing.T) {
	w := newWorld(t)
	a, b := w.provisioned(), w.provisioned()
	w.clock.move(30 * 24 * time.Hour)
	_, err := w.Purge(t.Context())
	check(t, err)

	// Every box of the user gets it, the first answer ends it.
	sign := w.send(plugout.Sign, header(60, 45, "@user/alice"), `{"params":{}}`)
	if len(sign.Destinations) != 2 || sign.Destinations[0].To != "@user/alice" || sign.Destinations[0].URI != "" {
		t.Fatalf("destinations: %+v", sign.Destinations)
	}
	mid := map[string]string{}
	for _, d := range sign.Destinations {
		mid[d.Box] = d.Message
	}
	check(t, b.answer(mid[b.Box], plugout.StatusOK, `{"format":"jws"}`))
	if got := a.list(); len(got) != 0 {
		t.Errorf("still in the other box: %q", got)
	}
	_, err = w.Fetch(t.Context(), a.Desktop, mid[a.Box])
	wantError(t, err, relay.ErrMessageWithdrawn)
	got := w.callbacks()
	w.wantCallbacks(got, "sign COMPLETED OK")
	if got[0].doc.Destination.Bid != b.Box {
		t.Errorf("answered by %s", got[0].doc.Destination.Bid)
	}

	// Its session cannot be closed and its token is dead; its key is the one it began with.
	check(t, w.CloseSession(t.Context(), a.Desktop))
	a.list()
	sign = w.send(plugout.Sign, header(60, 45, a.Box), `{"params":{}}`)
	a.key = newKey(t)
	check(t, a.answer(sign.Destinations[0].Message, plugout.StatusOK, `{}`))
	w.wantOutcome(sign.ID, relay.Failed, plugout.StatusInvalidResponse)
	wantError(t, w.trySend(plugout.SessionEnd, header(60, 45, a.Box), `{}`), relay.ErrNoSuchDestination)
}

func TestProfileBoxBelongsToTheGroup(t *testing.T) {
	w, other := twoClients(t, "smartid", "acme")
	a := w.provisioned()
	stranger := *w.idm
	stranger.ID, stranger.Group = "stranger", "else"
	check(t, w.clients.Replace(w.idm, other, &stranger))
	for _, to := range []string{"@user/alice", a.Box} {
		c := relay.Command{Type: plugout.Sign, Header: relay.Header{To: []string{to}}}
		_, err := w.Send(t.Context(), other.Authority("hermod"), other, c)
		check(t, err)
		_, err = w.Send(t.Context(), stranger.Authority("hermod"), &stranger, c)
		wantError(t, err, relay.ErrNoSuchDestination)
	}
}

func TestDelete(t *testing.T) {
	w := newWorld(t)
	a, b := w.provisioned(), w.provisioned()
	sign := w.send(plugout.Sign, header(60, 45, "@user/alice"), `{"params":{}}`)

	wantError(t, w.trySend(plugout.Delete, relay.Header{}, `{}`), relay.ErrInvalidCommand)
	wantError(t, w.trySend(plugout.Delete, relay.Header{}, `{"userid":"bob"}`), relay.ErrNoSuchDestination)
	wantError(t, w.trySend(plugout.Delete, relay.Header{}, `{"userid":"bob","profileid":"`+a.Box+`"}`), relay.ErrNoSuchDestination)
	wantError(t, w.trySend(plugout.Delete, relay.Header{}, `{"profileid":"nothing"}`), relay.ErrNoSuchDestination)

	one := w.send(plugout.Delete, relay.Header{}, `{"userid":"alice","profileid":"`+a.Box+`","confirmation":"false"}`)
	if one.State != relay.Completed || len(one.Destinations) != 1 || one.Destinations[0].Box != a.Box {
		t.Errorf("receipt: %+v", one)
	}
	_, err := w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
	if r := w.poll(sign.ID); r.State != relay.InProgress {
		t.Errorf("what waits elsewhere is %s", r.State)
	}
	w.send(plugout.Delete, relay.Header{}, `{"userid":"alice"}`)
	w.wantOutcome(sign.ID, relay.Cancelled, plugout.StatusSessionEnded)
	_, err = w.Messages(t.Context(), b.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
	wantError(t, w.trySend(plugout.Delete, relay.Header{}, `{"userid":"alice"}`), relay.ErrNoSuchDestination)
	if got := w.callbacks(); len(got) != 3 {
		t.Errorf("callbacks: %+v", got)
	}
}

func TestDeleteWithConfirmation(t *testing.T) {
	w := newWorld(t)
	a := w.provisioned()
	r := w.send(plugout.Delete, relay.Header{}, `{"userid":"alice","confirmation":"true"}`)
	if r.State != relay.InProgress || r.Destinations[0].Box != a.Box {
		t.Fatalf("receipt: %+v", r)
	}
	check(t, a.answer(r.Destinations[0].Message, plugout.StatusUserCancelled, ""))
	w.wantOutcome(r.ID, relay.Failed, plugout.StatusUserCancelled)
	r = w.send(plugout.Delete, header(60, 60, a.Box), `{"userid":"alice","confirmation":true}`)
	check(t, a.answer(r.Destinations[0].Message, plugout.StatusOK, `{}`))
	w.wantOutcome(r.ID, relay.Completed, plugout.StatusOK)
	_, err := w.Messages(t.Context(), a.Desktop, 0)
	wantError(t, err, relay.ErrSessionGone)
}

func TestNoProfileWithoutSuccess(t *testing.T) {
	w := newWorld(t)
	for name, object := range map[string]string{"declined": `{"userid":"alice"}`, "no user": `{}`} {
		r := w.send(plugout.Provision, header(600, 300), object)
		a := w.open(r)
		status := plugout.StatusOK
		if name == "declined" {
			status = plugout.StatusUserCancelled
		}
		check(t, a.answer(r.Destinations[0].Message, status, `{}`))
		wantError(t, w.trySend(plugout.Sign, header(60, 60, "@user/alice"), `{}`), relay.ErrNoSuchDestination)
		w.clock.move(600 * time.Second)
		_, err := w.Messages(t.Context(), a.Desktop, 0)
		wantError(t, err, relay.ErrSessionGone)
	}
}
