package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"bestow.dev/test/forge"
)

func basic(id, secret string) http.Header {
	return http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))}}
}

const apiSecret = "0123456789abcdef0123456789abcdef-api"

const apiConfig = `
tenants:
  - name: acme
    relying-parties:
      - { id: localhost, name: Acme, max-credentials-per-user: 1000 }
    clients:
      - { id: idm, key: ` + apiSecret + `, scopes: [ users.write, fido.provision, fido.read, audit.read ] }
`

// attempt is one registration whose answer may or may not have come.
type attempt struct {
	id       string // of the ceremony
	key      *forge.Key
	response json.RawMessage
}

// TestKillWhileRegistering kills the server in the middle of concurrent
// registrations. After the restart every credential that was acknowledged is there,
// what was not can be repeated without doubling, and the trail tells of each once.
func TestKillWhileRegistering(t *testing.T) { onBothEngines(t, killWhileRegistering) }

func killWhileRegistering(t *testing.T, engine string) {
	s := startOn(t, engine, apiConfig)
	client := basic("idm", apiSecret)
	const workers = 8
	for i := range workers {
		s.must(201, request{"POST", "/api/v1/users", client, map[string]any{"name": fmt.Sprintf("user%d", i)}}, nil)
	}

	acknowledged := map[string]bool{} // credential ids
	var mu sync.Mutex
	for round := range 3 {
		var open []attempt
		var wg sync.WaitGroup
		enough := make(chan struct{})
		done := 0
		for i := range workers {
			wg.Go(func() {
				for {
					a, ok := begin(t, s, client, fmt.Sprintf("user%d", i))
					if !ok {
						return
					}
					status, text, err := finish(s, client, a)
					mu.Lock()
					if err == nil && status == http.StatusCreated {
						acknowledged[a.key.ID()] = true
						if done++; done == 40*(round+1) {
							close(enough)
						}
						mu.Unlock()
						continue
					}
					open = append(open, a)
					mu.Unlock()
					if err == nil {
						t.Errorf("finish: %d %s", status, text)
					}
					return
				}
			})
		}
		idle := make(chan struct{})
		go func() { wg.Wait(); close(idle) }()
		select {
		case <-enough:
		case <-idle: // each worker has told why it stopped
			t.Fatal("the server refuses all work")
		}
		s.kill()
		<-idle
		s.start()

		// What was not acknowledged is repeated: it is stored now, or was before.
		for _, a := range open {
			status, text, err := finish(s, client, a)
			if err != nil {
				t.Fatal(err)
			}
			switch {
			case status == http.StatusCreated, status == http.StatusGone && strings.Contains(string(text), "ceremony.used"):
				acknowledged[a.key.ID()] = true
			default:
				t.Errorf("repeated: %d %s", status, text)
			}
		}
	}

	stored := credentialIDs(t, s, client)
	for id := range acknowledged {
		if stored[id] != 1 {
			t.Errorf("credential %s is stored %d times", id, stored[id])
		}
	}
	if len(stored) != len(acknowledged) {
		t.Errorf("%d credentials stored, %d acknowledged", len(stored), len(acknowledged))
	}
	var trail struct{ Events int }
	s.verb(&trail, "audit", "verify")
	var events []struct{ Action string }
	s.verb(&events, "audit", "list", "--action", "credential.registered", "--limit", "1000")
	if len(events) != len(stored) {
		t.Errorf("%d events for %d credentials", len(events), len(stored))
	}
	t.Logf("%d credentials, %d events, 3 kills", len(stored), trail.Events)
}

// begin opens a ceremony and answers it; ok is false once the server is gone.
func begin(t *testing.T, s *server, client http.Header, user string) (a attempt, ok bool) {
	status, text, err := s.do(request{"POST", "/api/v1/registrations", client, map[string]any{
		"relyingParty": "localhost", "user": map[string]string{"name": user}, "allowRepeat": true,
	}})
	if err != nil {
		return a, false
	}
	var begun struct {
		ID        string
		PublicKey json.RawMessage
	}
	if status != http.StatusCreated || json.Unmarshal(text, &begun) != nil {
		t.Errorf("begin: %d %s", status, text)
		return a, false
	}
	a.id = begun.ID
	if a.key, err = forge.New(); err == nil {
		a.response, err = a.key.Register(begun.PublicKey, s.url)
	}
	if err != nil {
		t.Error(err)
		return a, false
	}
	return a, true
}

func finish(s *server, client http.Header, a attempt) (int, []byte, error) {
	return s.do(request{"POST", "/api/v1/registrations/" + a.id + "/finish", client, map[string]any{"response": a.response}})
}

// credentialIDs counts the stored credentials by the id their authenticator chose.
func credentialIDs(t *testing.T, s *server, client http.Header) map[string]int {
	t.Helper()
	ids := map[string]int{}
	cursor := ""
	for {
		var page struct {
			Items []struct {
				CredentialID string `json:"credentialId"`
			}
			Next string
		}
		s.must(200, request{"GET", "/api/v1/credentials?limit=1000&cursor=" + cursor, client, nil}, &page)
		for _, c := range page.Items {
			ids[c.CredentialID]++
		}
		if page.Next == "" {
			return ids
		}
		cursor = page.Next
	}
}

const relayKey = "0123456789abcdef0123456789abcdef-relay"

func relayConfig(callback string) string {
	return `
tenants:
  - name: acme
    relying-parties: [ { id: localhost, name: Acme } ]
fronts:
  hermod:
    tenant: acme
    callback: { attempts: 5, retry-delay: 1 }
    allowed-clients:
      - { client-id: idm, key: ` + relayKey + `, callback-url: "` + callback + `", accept-unsigned: true }
`
}

type receipt struct {
	CommandID    string
	State        string
	Status       string
	Destinations []struct{ BID, URI string }
}

// TestKillRelay kills the relay while commands wait. After the restart they are
// there, a repetition returns the same command, overdue ones time out at once, and
// their callback comes.
func TestKillRelay(t *testing.T) { onBothEngines(t, killRelay) }

func killRelay(t *testing.T, engine string) {
	callbacks := listen(t)
	s := startOn(t, engine, relayConfig(callbacks.url))
	key := apiKeyOf("idm", relayKey)
	post := func(external string, timeout int) (r receipt) {
		t.Helper()
		s.must(200, request{"POST", "/hermod/rest/command/sessionstart", key, map[string]any{
			"commandHeader":       map[string]any{"lifespan": 120, "timeout": timeout, "externalId": external},
			"sessionStartCommand": map[string]any{"userid": "alice"},
		}}, &r)
		return r
	}
	short, long := post("short", 1), post("long", 100)
	s.kill()
	s.start()

	o := callbacks.wait(t, short.CommandID)
	if o.State != "TIMEOUT" || o.Status != "SESSION_NOT_STARTED" {
		t.Errorf("overdue session: %s %s", o.State, o.Status)
	}
	var polled receipt
	s.must(200, request{"GET", "/hermod/rest/command/" + long.CommandID, key, nil}, &polled)
	if polled.State != "IN_PROGRESS" {
		t.Errorf("waiting session after the restart: %s", polled.State)
	}
	if again := post("long", 100); again.CommandID != long.CommandID {
		t.Errorf("repeated command has the id %s, want %s", again.CommandID, long.CommandID)
	}
	s.must(204, request{"DELETE", "/hermod/rest/command/" + long.CommandID, key, nil}, nil)
	if o := callbacks.wait(t, long.CommandID); o.State != "CANCELLED" {
		t.Errorf("cancelled: %s %s", o.State, o.Status)
	}
	if n := callbacks.count(short.CommandID); n != 1 {
		t.Errorf("%d callbacks for one command", n)
	}
}

// TestLostCallback: a receiver that is away gets the callback when it is back.
func TestLostCallback(t *testing.T) {
	callbacks := listen(t)
	callbacks.refuse(2)
	s := start(t, relayConfig(callbacks.url))
	key := apiKeyOf("idm", relayKey)
	var r receipt
	s.must(200, request{"POST", "/hermod/rest/command/ping", key, map[string]any{
		"commandHeader": map[string]any{"lifespan": 60, "timeout": 60}, "pingCommand": map[string]any{},
	}}, &r)
	s.must(204, request{"DELETE", "/hermod/rest/command/" + r.CommandID, key, nil}, nil)
	began := time.Now()
	if o := callbacks.wait(t, r.CommandID); o.Status != "CANCELLED_BY_REQUESTER" {
		t.Errorf("status %s", o.Status)
	}
	if took := time.Since(began); took < time.Second {
		t.Errorf("two refused tries took %v, less than the retry delay", took)
	}
}
