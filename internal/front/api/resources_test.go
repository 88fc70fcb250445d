package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestUsers(t *testing.T) {
	w := newWorld(t)
	r := w.must(http.StatusCreated, "idm", "POST", "/users", map[string]any{"name": "Alice", "displayName": "Alice Example", "handle": "AQID"})
	u := r.object(t)
	alice := "/users/" + u["id"].(string)
	if r.header.Get("Location") != "/api/v1"+alice || u["name"] != "Alice" || u["displayName"] != "Alice Example" || u["handle"] != "AQID" || u["locked"] != false {
		t.Errorf("made: %s", r.body)
	}
	if r := w.must(http.StatusOK, "idm", "GET", alice, nil); string(r.body) == "" || r.text(t, "name") != "Alice" {
		t.Errorf("got: %s", r.body)
	}
	refused(t, w.do("idm", "POST", "/users", named("alice")), http.StatusConflict, "user.exists")
	refused(t, w.do("idm", "POST", "/users", named(" x")), http.StatusBadRequest, "user.name")
	refused(t, w.do("idm", "POST", "/users", named("")), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("idm", "POST", "/users", map[string]any{"name": "x", "handle": "A="}), http.StatusBadRequest, "user.handle")
	refused(t, w.do("idm", "GET", "/users/nobody", nil), http.StatusNotFound, "user.unknown")
	refused(t, w.do("globex", "GET", alice, nil), http.StatusNotFound, "user.unknown")

	if r := w.must(http.StatusOK, "idm", "PATCH", alice, map[string]any{"displayName": "Al"}); r.text(t, "displayName") != "Al" || r.text(t, "name") != "Alice" {
		t.Errorf("renamed: %s", r.body)
	}
	if r := w.must(http.StatusOK, "idm", "PATCH", alice, map[string]any{"locked": true}).object(t); r["locked"] != true || r["lockedSince"] == nil {
		t.Errorf("locked: %v", r)
	}
	for query, want := range map[string]int{
		"?locked=true": 1, "?locked=false": 0, "?name=ALICE": 1, "?name=bob": 0, "?search=lic": 1, "?search=x": 0, "": 1,
	} {
		if got := w.must(http.StatusOK, "idm", "GET", "/users"+query, nil).items(t); len(got) != want {
			t.Errorf("%q: got %d users, want %d", query, len(got), want)
		}
	}
	w.must(http.StatusOK, "idm", "PATCH", alice, map[string]any{"locked": false})
	refused(t, w.do("idm", "PATCH", alice, map[string]any{"locked": true, "name": "x"}), http.StatusBadRequest, "request.invalid")

	w.enrolled("alice", newDesk(t))
	export := w.must(http.StatusOK, "idm", "GET", alice+"/export", nil).object(t)
	for name, want := range map[string]int{"credentials": 1, "ceremonies": 1, "invitations": 0, "sessions": 0, "runs": 1} {
		if got := export[name].([]any); len(got) != want {
			t.Errorf("export: %d %s, want %d", len(got), name, want)
		}
	}
	if c := export["credentials"].([]any)[0].(map[string]any); c["evidence"] == nil || c["credentialId"] == "" {
		t.Errorf("exported credential: %v", c)
	}
	if r := export["runs"].([]any)[0].(map[string]any); r["definition"] != "enrolKey" || r["startedBy"] != "client:idm" || r["ended"] != nil || r["variables"].(map[string]any)["count"] != 7.0 {
		t.Errorf("exported run: %v", r)
	}
	if len(export["events"].([]any)) < 5 || export["user"].(map[string]any)["name"] != "Alice" {
		t.Errorf("export: %v", export)
	}

	if r := w.must(http.StatusNoContent, "idm", "DELETE", alice, nil); len(r.body) != 0 {
		t.Errorf("erased: %s", r.body)
	}
	refused(t, w.do("idm", "DELETE", alice, nil), http.StatusNotFound, "user.unknown")
}

// Whoever follows next sees everything once, however long the pages are.
func TestPages(t *testing.T) {
	w := newWorld(t)
	for i := range 7 {
		w.user(fmt.Sprintf("user-%d", i))
		w.must(http.StatusCreated, "admin", "POST", "/clients", map[string]any{"id": fmt.Sprintf("client-%d", i), "scopes": []string{"fido.read"}})
	}
	for path, want := range map[string]int{"/users": 7, "/clients": 7 + len(file()[0].Clients), "/relying-parties": 2, "/audit-events": 14, "/audit-events?order=newest": 14} {
		for _, limit := range []int{1, 3, 7, 1000} {
			seen := map[string]bool{}
			pages := 0
			for cursor := ""; ; pages++ {
				u, err := url.Parse(path)
				check(t, err)
				q := u.Query()
				q.Set("limit", fmt.Sprint(limit))
				if cursor != "" {
					q.Set("cursor", cursor)
				}
				u.RawQuery = q.Encode()
				r := w.must(http.StatusOK, "admin", "GET", u.String(), nil)
				for _, item := range r.items(t) {
					o := item.(map[string]any)
					key := fmt.Sprint(o["id"], o["seq"])
					if seen[key] {
						t.Errorf("%s: %s twice", u, key)
					}
					seen[key] = true
				}
				if cursor = r.text(t, "next"); cursor == "" {
					break
				}
			}
			if len(seen) != want || pages > want/limit+1 {
				t.Errorf("%s by %d: got %d on %d pages, want %d", path, limit, len(seen), pages+1, want)
			}
		}
		join := "?"
		if strings.Contains(path, "?") {
			join = "&"
		}
		refused(t, w.do("admin", "GET", path+join+"cursor=!", nil), http.StatusBadRequest, "query.cursor")
		refused(t, w.do("admin", "GET", path+join+"limit=0", nil), http.StatusBadRequest, "request.invalid")
		refused(t, w.do("admin", "GET", path+join+"limit=1001", nil), http.StatusBadRequest, "request.invalid")
		refused(t, w.do("admin", "GET", path+join+"limit=x", nil), http.StatusBadRequest, "request.invalid")
		refused(t, w.do("admin", "GET", path+join+"limit=1&limit=2", nil), http.StatusBadRequest, "request.repeated")
		refused(t, w.do("admin", "GET", path+join+"offset=1", nil), http.StatusBadRequest, "request.invalid")
	}
}

func TestInvitations(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	invite := func(body map[string]any) reply {
		body["relyingParty"] = site
		return w.do("idm", "POST", "/users/"+alice+"/invitations", body)
	}
	r := invite(map[string]any{"lifeSeconds": 3600})
	i := r.object(t)
	if r.status != http.StatusCreated || i["user"] != alice || i["expires"] != "2026-03-02T11:15:00Z" || i["additional"] != false ||
		i["link"] != "https://id.example.com/enrol#"+i["secret"].(string) {
		t.Errorf("got %d %s", r.status, r.body)
	}
	if _, err := w.svc.StartEnrolment(t.Context(), i["secret"].(string), ""); err != nil {
		t.Errorf("the secret opens nothing: %v", err)
	}
	w.enrolled("alice", newDesk(t))
	refused(t, invite(map[string]any{}), http.StatusConflict, "invitation.additional_needed")
	if r := invite(map[string]any{"additional": true}); r.status != http.StatusCreated || r.object(t)["additional"] != true {
		t.Errorf("additional: %d %s", r.status, r.body)
	}
	refused(t, invite(map[string]any{"lifeSeconds": 59}), http.StatusBadRequest, "request.invalid")
}

func TestCredentials(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.user("bob")
	r := w.enrolled("alice", newDesk(t))
	w.enrolled("bob", newDesk(t))
	c := r.object(t)
	path := "/credentials/" + c["id"].(string)

	for query, want := range map[string]int{
		"":                                    2,
		"?user=" + alice:                      1,
		"?userName=ALICE":                     1,
		"?relyingParty=" + site:               2,
		"?relyingParty=" + other:              0,
		"?state=active":                       2,
		"?state=suspended":                    0,
		"?user=" + alice + "&state=active":    1,
		"?relyingParty=" + site + "&limit=1":  1,
		"?relyingParty=" + other + "&limit=1": 0,
		"?relyingParty=" + site + "&credentialId=" + c["credentialId"].(string):                  1,
		"?relyingParty=" + site + "&userName=bob&credentialId=" + c["credentialId"].(string):     0,
		"?relyingParty=" + site + "&credentialId=AAAA":                                           0,
		"?relyingParty=" + other + "&user=" + alice + "&credentialId=" + c["publicKey"].(string): 0,
	} {
		if got := w.must(http.StatusOK, "idm", "GET", "/credentials"+query, nil).items(t); len(got) != want {
			t.Errorf("%q: got %d, want %d", query, len(got), want)
		}
	}
	refused(t, w.do("idm", "GET", "/credentials?userName=nobody", nil), http.StatusNotFound, "user.unknown")
	refused(t, w.do("idm", "GET", "/credentials?userName=bob&user="+alice, nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("idm", "GET", "/credentials?credentialId=AAAA", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("idm", "GET", "/credentials?state=gone", nil), http.StatusBadRequest, "request.invalid")

	change := func(body map[string]any) reply { return w.do("idm", "PATCH", path, body) }
	got := change(map[string]any{"name": "Lent key", "state": "suspended", "reason": "lent to bob", "version": 1}).object(t)
	if got["name"] != "Lent key" || got["state"] != "suspended" || got["reason"] != "lent to bob" || got["version"] != 2.0 {
		t.Errorf("changed: %v", got)
	}
	refused(t, change(map[string]any{"state": "active", "version": 1}), http.StatusConflict, "credential.version")
	if got := change(map[string]any{"state": "active"}).object(t); got["state"] != "active" || got["reason"] != nil {
		t.Errorf("resumed: %v", got)
	}
	refused(t, change(map[string]any{"state": "gone"}), http.StatusBadRequest, "request.invalid")

	e := w.must(http.StatusOK, "idm", "GET", path+"/evidence", nil).object(t)
	if e["attestationObject"] == "" || e["clientDataJSON"] == "" || len(e["policy"].(string)) != 64 || e["judged"] != "2026-03-02T10:15:00Z" ||
		e["attestation"].(map[string]any)["format"] != "packed" || len(e["chain"].([]any)) == 0 {
		t.Errorf("evidence: %v", e)
	}
	if o := e["options"].(map[string]any); o["rp"].(map[string]any)["id"] != site {
		t.Errorf("evidence: %v", o)
	}

	for _, what := range []string{"GET " + path, "PATCH " + path, "DELETE " + path, "GET " + path + "/evidence"} {
		method, path, _ := strings.Cut(what, " ")
		var body any
		if method == "PATCH" {
			body = map[string]any{"name": "x"}
		}
		for _, client := range []string{"globex", "narrow"} {
			refused(t, w.do(client, method, path, body), http.StatusNotFound, "credential.unknown")
		}
	}
	w.must(http.StatusNoContent, "idm", "DELETE", path, nil)
	refused(t, w.do("idm", "GET", path, nil), http.StatusNotFound, "credential.unknown")
	refused(t, w.do("idm", "GET", path+"/evidence", nil), http.StatusNotFound, "credential.unknown")
}

func TestRelyingParties(t *testing.T) {
	w := newWorld(t)
	put := func(id string, body map[string]any) reply { return w.do("admin", "PUT", "/relying-parties/"+id, body) }
	rp := put("new.example.com", map[string]any{
		"name": "New", "origins": []string{"https://new.example.com", "https://app.new.example.com"}, "userVerification": "preferred",
		"attestation": "none", "algorithms": []int{-7, -257}, "challengeLifeSeconds": 120, "maxCredentialsPerUser": 2,
	}).object(t)
	if rp["id"] != "new.example.com" || rp["source"] != "database" || rp["residentKey"] != "required" || rp["timeoutSeconds"] != 120.0 ||
		rp["userVerification"] != "preferred" || rp["created"] == nil || len(rp["origins"].([]any)) != 2 {
		t.Errorf("put: %v", rp)
	}
	if got := w.must(http.StatusOK, "read", "GET", "/relying-parties/new.example.com", nil).object(t); got["name"] != "New" {
		t.Errorf("got: %v", got)
	}
	if got := put("new.example.com", map[string]any{}).object(t); got["name"] != "new.example.com" || got["userVerification"] != "required" {
		t.Errorf("put again: %v", got)
	}
	if got := w.must(http.StatusOK, "read", "GET", "/relying-parties/"+site, nil).object(t); got["source"] != "file" || got["created"] != nil {
		t.Errorf("of the file: %v", got)
	}
	refused(t, put(site, map[string]any{}), http.StatusConflict, "rp.read_only")
	refused(t, put("new.example.com", map[string]any{"origins": []string{"https://evil.example"}}), http.StatusBadRequest, "rp.invalid")
	refused(t, put("NEW.example.com", map[string]any{}), http.StatusBadRequest, "rp.invalid")
	refused(t, w.do("idm", "PUT", "/relying-parties/new.example.com", map[string]any{}), http.StatusForbidden, "authority.denied")
	refused(t, w.do("narrow", "GET", "/relying-parties/"+site, nil), http.StatusNotFound, "rp.unknown")
	refused(t, w.do("globex", "GET", "/relying-parties/new.example.com", nil), http.StatusNotFound, "rp.unknown")
	if got := w.must(http.StatusOK, "narrow", "GET", "/relying-parties", nil).items(t); len(got) != 1 {
		t.Errorf("narrow sees %v", got)
	}

	w.user("alice")
	id, options := w.begin("idm", "registrations", map[string]any{"relyingParty": "new.example.com", "user": named("alice")})
	c := w.must(http.StatusCreated, "idm", "POST", "/registrations/"+id+"/finish", map[string]any{"response": newDesk(t).Create(t, options)})
	refused(t, w.do("admin", "DELETE", "/relying-parties/new.example.com", nil), http.StatusConflict, "rp.in_use")
	w.must(http.StatusNoContent, "idm", "DELETE", "/credentials/"+c.text(t, "id"), nil)
	w.must(http.StatusNoContent, "admin", "DELETE", "/relying-parties/new.example.com", nil)
	refused(t, w.do("admin", "DELETE", "/relying-parties/new.example.com", nil), http.StatusNotFound, "rp.unknown")
	refused(t, w.do("admin", "DELETE", "/relying-parties/"+site, nil), http.StatusConflict, "rp.read_only")
}

func TestClients(t *testing.T) {
	w := newWorld(t)
	r := w.must(http.StatusCreated, "admin", "POST", "/clients", map[string]any{"id": "portal", "scopes": []string{"fido.read"}, "relyingParties": []string{site}})
	c := r.object(t)
	first, _ := c["secret"].(string)
	if r.header.Get("Location") != "/api/v1/clients/portal" || c["name"] != "portal" || len(first) < 43 || c["source"] != "database" || len(c["keys"].([]any)) != 1 {
		t.Errorf("made: %s", r.body)
	}
	as := func(secret string) func(*http.Request) {
		return func(r *http.Request) { r.SetBasicAuth("portal", secret) }
	}
	list := func(secret string) reply { return w.do("", "GET", "/credentials?relyingParty="+site, nil, as(secret)) }
	if r := list(first); r.status != http.StatusOK {
		t.Errorf("its secret: %d %s", r.status, r.body)
	}
	if r := w.must(http.StatusOK, "admin", "GET", "/clients/portal", nil); strings.Contains(string(r.body), first) || strings.Contains(string(r.body), "secret") {
		t.Errorf("a secret is shown again: %s", r.body)
	}

	second := w.must(http.StatusCreated, "admin", "POST", "/clients/portal/keys", map[string]any{"overlapSeconds": 3600}).text(t, "secret")
	for _, s := range []string{first, second} {
		if r := list(s); r.status != http.StatusOK {
			t.Errorf("both keys: %d %s", r.status, r.body)
		}
	}
	w.Later(time.Hour)
	refused(t, list(first), http.StatusUnauthorized, "client.unauthenticated")
	third := w.must(http.StatusCreated, "admin", "POST", "/clients/portal/keys", map[string]any{}).text(t, "secret")
	refused(t, list(second), http.StatusUnauthorized, "client.unauthenticated")

	if r := w.must(http.StatusOK, "admin", "PATCH", "/clients/portal", map[string]any{"disabled": true}); r.object(t)["disabled"] != true {
		t.Errorf("disabled: %s", r.body)
	}
	refused(t, list(third), http.StatusUnauthorized, "client.unauthenticated")
	w.must(http.StatusOK, "admin", "PATCH", "/clients/portal", map[string]any{"disabled": false})
	if r := list(third); r.status != http.StatusOK {
		t.Errorf("enabled: %d %s", r.status, r.body)
	}

	refused(t, w.do("admin", "PATCH", "/clients/portal", map[string]any{}), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("admin", "POST", "/clients", map[string]any{"id": "portal", "scopes": []string{"fido.read"}}), http.StatusConflict, "client.exists")
	refused(t, w.do("admin", "POST", "/clients", map[string]any{"id": "idm", "scopes": []string{"fido.read"}}), http.StatusConflict, "client.exists")
	refused(t, w.do("admin", "POST", "/clients", map[string]any{"id": "a:b", "scopes": []string{"fido.read"}}), http.StatusBadRequest, "client.invalid")
	refused(t, w.do("admin", "POST", "/clients", map[string]any{"id": "x", "scopes": []string{"everything"}}), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("admin", "POST", "/clients", map[string]any{"id": "x", "scopes": []string{}}), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("admin", "DELETE", "/clients/idm", nil), http.StatusConflict, "client.read_only")
	refused(t, w.do("globex", "GET", "/clients/portal", nil), http.StatusNotFound, "client.unknown")
	refused(t, w.do("globex", "DELETE", "/clients/portal", nil), http.StatusNotFound, "client.unknown")
	w.must(http.StatusNoContent, "admin", "DELETE", "/clients/portal", nil)
	refused(t, list(third), http.StatusUnauthorized, "client.unauthenticated")
}

func TestAuditEvents(t *testing.T) {
	w := newWorld(t)
	alice := w.user("alice")
	w.Later(time.Minute)
	w.must(http.StatusCreated, "idm", "POST", "/registrations", map[string]any{"relyingParty": site, "user": named("alice")},
		func(r *http.Request) { r.Header.Set("Bestow-Operator", "bob") })
	w.Later(time.Minute)
	c := w.enrolled("alice", newDesk(t)).text(t, "id")

	actions := func(query string) []string {
		t.Helper()
		var list []string
		for _, e := range w.must(http.StatusOK, "auditor", "GET", "/audit-events"+query, nil).items(t) {
			list = append(list, e.(map[string]any)["action"].(string))
		}
		return list
	}
	all := []string{"user.created", "registration.begun", "registration.begun", "credential.registered"}
	newest := slices.Clone(all)
	slices.Reverse(newest)
	for query, want := range map[string][]string{
		"":                               all,
		"?order=newest":                  newest,
		"?action=credential.":            {"credential.registered"},
		"?action=user.created":           {"user.created"},
		"?action=user":                   nil,
		"?user=" + alice:                 all,
		"?credential=" + c:               {"credential.registered"},
		"?relyingParty=" + site:          all[1:],
		"?since=2026-03-02T10:16:00Z":    all[1:],
		"?until=2026-03-02T10:16:00Z":    all[:1],
		"?limit=2":                       all[:2],
		"?order=newest&limit=1&cursor=4": {"registration.begun"},
	} {
		if got := actions(query); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", query, got, want)
		}
	}
	e := w.must(http.StatusOK, "auditor", "GET", "/audit-events?action=registration.begun&limit=1", nil).items(t)[0].(map[string]any)
	if e["claimed"] != "bob" || e["onBehalfOf"] != alice || e["via"] != "api" || e["outcome"] != "ok" || len(e["hash"].(string)) != 64 ||
		e["actor"].(map[string]any)["id"] != "idm" || e["time"] != "2026-03-02T10:16:00Z" || e["seq"] != 2.0 {
		t.Errorf("event: %v", e)
	}
	if got := w.must(http.StatusOK, "globex", "GET", "/audit-events", nil).items(t); len(got) != 0 {
		t.Errorf("another tenant sees %v", got)
	}
	refused(t, w.do("auditor", "GET", "/audit-events?since=yesterday", nil), http.StatusBadRequest, "request.invalid")
	refused(t, w.do("narrow", "GET", "/audit-events", nil), http.StatusForbidden, "authority.denied")
	refused(t, w.do("narrow", "GET", "/audit-events?relyingParty="+site, nil), http.StatusForbidden, "authority.denied")
	w.must(http.StatusOK, "narrow", "GET", "/audit-events?relyingParty="+other, nil)
}
