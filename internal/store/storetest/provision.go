package storetest

import (
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/provision"
	"bestow.dev/internal/store"
)

// provisionTests are the promises of provision.Store.
var provisionTests = []test{
	{"connections come back as they were", testConnections},
	{"messaging servers come back as they were", testMessagingServers},
	{"settings at another version", testSettingVersions},
	{"settings by several at once", testSettingRace},
	{"sealed secrets", testSealed},
}

var changedAt = time.Date(2026, 3, 2, 10, 15, 0, 0, time.UTC)

func connection(tenant, name string, version int64) *provision.Connection {
	return &provision.Connection{
		Tenant: tenant, Name: name, Description: "ours", Kind: provision.KindDigitalAccess, URL: "https://da.example.com/rest",
		ClientID: "idm", HasSecret: true, Version: version, Changed: changedAt, ChangedBy: "operator:alice",
	}
}

func messagingServer(tenant, name string, version int64) *provision.MessagingServer {
	return &provision.MessagingServer{
		Tenant: tenant, Name: name, Description: "ours", URL: "https://msg.example.com/command", ClientID: "idm", HasToken: true,
		Lifespan: 600 * time.Second, Timeout: 240 * time.Second, SessionStart: 10 * time.Second,
		KeySets: map[string]json.RawMessage{"desks": json.RawMessage(`{"keys":[]}`)},
		Version: version, Changed: changedAt, ChangedBy: "operator:alice",
	}
}

func settingEvent(tenant, action string) audit.Event {
	return audit.Event{Tenant: tenant, Time: changedAt, Action: action, Actor: audit.Actor{Kind: audit.Operator, ID: "alice"}, Outcome: audit.OK}
}

func testConnections(t *testing.T, db *store.DB) {
	s := db.Provision()
	for _, name := range []string{"b", "a"} {
		check(t, s.PutConnection(t.Context(), connection("acme", name, 1), []byte("sealed "+name), settingEvent("acme", "put")))
	}
	check(t, s.PutConnection(t.Context(), connection("globex", "a", 1), []byte("theirs"), settingEvent("globex", "put")))

	got, sealed, err := s.Connection(t.Context(), "acme", "a")
	check(t, err)
	if want := connection("acme", "a", 1); !reflect.DeepEqual(got, want) || string(sealed) != "sealed a" {
		t.Errorf("got %+v %q\nwant %+v", got, sealed, want)
	}
	all, err := s.Connections(t.Context(), "acme")
	check(t, err)
	if want := []*provision.Connection{connection("acme", "a", 1), connection("acme", "b", 1)}; !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v", all)
	}
	check(t, s.DeleteConnection(t.Context(), "acme", "a", settingEvent("acme", "gone")))
	wantError(t, s.DeleteConnection(t.Context(), "acme", "a", settingEvent("acme", "gone")), provision.ErrConnectionUnknown)
	_, _, err = s.Connection(t.Context(), "acme", "a")
	wantError(t, err, provision.ErrConnectionUnknown)
	if _, _, err = s.Connection(t.Context(), "globex", "a"); err != nil {
		t.Errorf("another tenant's is gone too: %v", err)
	}
	wantActions(t, db, "acme", "put", "put", "gone")
}

func testMessagingServers(t *testing.T, db *store.DB) {
	s := db.Provision()
	for _, name := range []string{"b", "a"} {
		check(t, s.PutMessagingServer(t.Context(), messagingServer("acme", name, 1), []byte("sealed "+name), settingEvent("acme", "put")))
	}
	got, sealed, err := s.MessagingServer(t.Context(), "acme", "a")
	check(t, err)
	if want := messagingServer("acme", "a", 1); !reflect.DeepEqual(got, want) || string(sealed) != "sealed a" {
		t.Errorf("got %+v %q\nwant %+v", got, sealed, want)
	}
	ours := messagingServer("acme", "c", 1)
	ours.URL, ours.ClientID, ours.HasToken, ours.KeySets = provision.Internal, "", false, nil
	check(t, s.PutMessagingServer(t.Context(), ours, nil, settingEvent("acme", "put")))
	all, err := s.MessagingServers(t.Context(), "acme")
	check(t, err)
	if want := []*provision.MessagingServer{messagingServer("acme", "a", 1), messagingServer("acme", "b", 1), ours}; !reflect.DeepEqual(all, want) {
		t.Errorf("got %+v", all)
	}
	check(t, s.DeleteMessagingServer(t.Context(), "acme", "a", settingEvent("acme", "gone")))
	wantError(t, s.DeleteMessagingServer(t.Context(), "acme", "a", settingEvent("acme", "gone")), provision.ErrServerUnknown)
	_, _, err = s.MessagingServer(t.Context(), "acme", "a")
	wantError(t, err, provision.ErrServerUnknown)
	wantActions(t, db, "acme", "put", "put", "put", "gone")
}

func testSettingVersions(t *testing.T, db *store.DB) {
	s := db.Provision()
	put := func(version int64) error {
		return errors.Join(
			s.PutConnection(t.Context(), connection("acme", "a", version), nil, settingEvent("acme", "put")),
			s.PutMessagingServer(t.Context(), messagingServer("acme", "a", version), nil, settingEvent("acme", "put")),
		)
	}
	wantError(t, put(2), provision.ErrChanged)
	check(t, put(1))
	wantError(t, put(1), provision.ErrChanged)
	wantError(t, put(3), provision.ErrChanged)
	check(t, put(2))
	wantActions(t, db, "acme", "put", "put", "put", "put") // no event without a change
}

func testSettingRace(t *testing.T, db *store.DB) {
	s := db.Provision()
	const callers = 8
	won := make(chan bool, callers)
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			err := s.PutConnection(t.Context(), connection("acme", "a", 1), nil, settingEvent("acme", "put"))
			if err != nil && !errors.Is(err, provision.ErrChanged) {
				t.Error(err)
			}
			won <- err == nil
		})
	}
	all.Wait()
	close(won)
	n := 0
	for w := range won {
		if w {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d of %d made it", n, callers)
	}
	wantActions(t, db, "acme", "put")
}

func testSealed(t *testing.T, db *store.DB) {
	s := db.Provision()
	want := func(want bool) {
		t.Helper()
		if got, err := s.AnySealed(t.Context()); err != nil || got != want {
			t.Errorf("a sealed secret: %v %v, want %v", got, err, want)
		}
	}
	want(false)
	c := connection("acme", "a", 1)
	c.HasSecret = false
	check(t, s.PutConnection(t.Context(), c, nil, settingEvent("acme", "put")))
	want(false)
	got, sealed, err := s.Connection(t.Context(), "acme", "a")
	check(t, err)
	if sealed != nil || got.HasSecret {
		t.Errorf("a secret from nowhere: %q", sealed)
	}
	check(t, s.PutMessagingServer(t.Context(), messagingServer("acme", "a", 1), []byte{0, 1, 255}, settingEvent("acme", "put")))
	want(true)
	_, sealed, err = s.MessagingServer(t.Context(), "acme", "a")
	check(t, err)
	if string(sealed) != "\x00\x01\xff" {
		t.Errorf("got %q", sealed)
	}
	check(t, s.DeleteMessagingServer(t.Context(), "acme", "a", settingEvent("acme", "gone")))
	want(false)
}
