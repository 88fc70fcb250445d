package nevis_test

import (
	"crypto/sha256"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/front/nevis"
)

// wantIDM fails unless the answer has the status, and where that is a refusal the code.
func wantIDM(t testing.TB, r reply, status int, code string) {
	t.Helper()
	var refusal struct {
		Errors []struct{ Code, Message string }
	}
	_ = json.Unmarshal(r.body, &refusal)
	if r.status != status || code != "" && (len(refusal.Errors) != 1 || refusal.Errors[0].Code != code || refusal.Errors[0].Message == "") {
		t.Fatalf("got %d %s, want %d %s", r.status, r.body, status, code)
	}
}

func ofUser(name string) string { return idm + "/100/users/" + url.PathEscape(name) + "/fido2" }

// list returns the members of a list.
func (w *world) list(path string) []map[string]any {
	w.t.Helper()
	r := w.do(request{method: "GET", path: path})
	wantIDM(w.t, r, 200, "")
	var page struct{ Items []map[string]any }
	check(w.t, json.Unmarshal(r.body, &page))
	return page.Items
}

func TestIDM(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	w.user("bob")
	if got := w.list(ofUser("alice")); len(got) != 0 {
		t.Errorf("none yet: %v", got)
	}
	d := newDesk(t)
	id := w.enrolled("alice", d)
	items := w.list(ofUser("alice"))
	if len(items) != 1 {
		t.Fatalf("list: %v", items)
	}
	hash := sha256.Sum256(unb64(t, id))
	for name, want := range map[string]any{
		"userExtId": "alice", "userFriendlyName": "Office key", "userAgent": "Mozilla/5.0", "stateName": "active", "version": 1.0, "rpId": site,
		"authenticatorAttachment": "crossplatform", "attestationConveyancePreference": "none", "residentKeyRequirement": "required",
		"userVerificationRequirement": "preferred", "hashedCredentialId": b64(hash[:]), "successfulLoginCount": 0.0,
		"created": "2026-03-04T09:15:00.000Z", "aaguid": "452f9e98-51aa-4c3b-8871-3a5b194146a9",
	} {
		if items[0][name] != want {
			t.Errorf("%s: %v, want %v", name, items[0][name], want)
		}
	}
	path := ofUser("alice") + "/" + items[0]["extId"].(string)
	wantIDM(t, w.do(request{method: "GET", path: path}), 200, "")
	wantIDM(t, w.do(request{method: "GET", path: strings.Replace(path, "alice", "bob", 1)}), 404, "credential.unknown")
	wantIDM(t, w.do(request{method: "GET", path: strings.Replace(path, "/100/", "/200/", 1)}), 404, "tenant.unknown")

	// Disabled, it cannot be used.
	r := w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "disabled", "modificationComment": "lost", "version": 1}})
	wantIDM(t, r, 200, "")
	if r.text("stateName") != "disabled" || r.text("stateChangeReason") != "lost" || r.member("version") != 2.0 {
		t.Errorf("changed: %s", r.body)
	}
	wantFailed(t, w.do(request{path: fido + "/assertion/options", body: signingIn("alice")}), 200, "Nobody")
	wantFailed(t, w.do(request{path: fido + "/assertion/result", body: d.get(t, w.options("/assertion/options", signingIn("")).body)}), 200, "suspended")
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "active", "version": 1}}), 409, "credential.version")
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "initial", "userFriendlyName": "Mine"}}), 200, "")
	wantOK(t, w.signIn("alice", d))
	r = w.do(request{method: "GET", path: path})
	if r.text("stateName") != "active" || r.text("userFriendlyName") != "Mine" || r.member("successfulLoginCount") != 1.0 || r.member("failedLoginCount") != 1.0 ||
		r.text("lastSuccessfulLoginDate") == "" || r.text("lastFailedLoginDate") == "" {
		t.Errorf("after use: %s", r.body)
	}
	wantIDM(t, w.do(request{method: "DELETE", path: path}), 204, "")
	wantIDM(t, w.do(request{method: "DELETE", path: path}), 404, "credential.unknown")
	wantIDM(t, w.do(request{method: "GET", path: ofUser("nobody")}), 404, "user.unknown")
	wantIDM(t, w.do(request{method: "PUT", path: path}), 405, "request.method")
}

func TestIDMStates(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	w.enrolled("alice", d)
	path := ofUser("alice") + "/" + w.list(ofUser("alice"))[0]["extId"].(string)
	for _, state := range []string{"tmp-locked", "fail-locked", "reset-code", "admin-changed", "disabled", "initial", "active"} {
		r := w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": state}})
		wantIDM(t, r, 200, "")
		if r.text("stateName") != state {
			t.Errorf("%s: %s", state, r.body)
		}
		if got := len(w.list(ofUser("alice") + "?stateName=" + state)); got != 1 {
			t.Errorf("%s is found %d times", state, got)
		}
		usable := state == "initial" || state == "active"
		if r := w.do(request{path: fido + "/assertion/options", body: signingIn("alice")}); (r.text("status") == "ok") != usable {
			t.Errorf("%s: %s", state, r.body)
		}
		if r := w.options("/attestation/options", registering("alice")); len(r.member("excludeCredentials").([]any)) != 1 {
			t.Errorf("%s is not excluded: %s", state, r.body)
		}
		w.Later(time.Minute)
	}
	// A temporary lock ends by itself.
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "tmp-locked"}}), 200, "")
	w.Later(15 * time.Minute)
	if r := w.do(request{method: "GET", path: path}); r.text("stateName") != "active" {
		t.Errorf("later: %s", r.body)
	}
	wantOK(t, w.signIn("alice", d))
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "asleep"}}), 422, "request.value")

	// Archived is for good.
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "archived"}}), 200, "")
	wantIDM(t, w.do(request{method: "PATCH", path: path, body: map[string]any{"stateName": "active"}}), 409, "credential.archived")
	if r := w.options("/attestation/options", registering("alice")); len(r.member("excludeCredentials").([]any)) != 0 {
		t.Errorf("archived is excluded: %s", r.body)
	}
	wantIDM(t, w.do(request{method: "DELETE", path: path}), 204, "")
}

// creating is a body that stores what another server registered.
func creating(item map[string]any) map[string]any {
	body := map[string]any{"extId": "ext-1", "stateName": "active"}
	for _, name := range []string{
		"aaguid", "authenticator", "authenticatorAttachment", "attestationConveyancePreference", "hashedCredentialId", "rpId",
		"residentKeyRequirement", "userVerificationRequirement", "userFriendlyName", "userAgent",
	} {
		body[name] = item[name]
	}
	return body
}

func TestIDMCreate(t *testing.T) {
	w := newWorld(t)
	w.user("alice")
	d := newDesk(t)
	w.enrolled("alice", d)
	item := w.list(ofUser("alice"))[0]
	body := creating(item)
	wantIDM(t, w.do(request{path: ofUser("alice"), body: body}), 409, "credential.exists")
	wantIDM(t, w.do(request{method: "DELETE", path: ofUser("alice") + "/" + item["extId"].(string)}), 204, "")

	for name, spoil := range map[string]func(map[string]any){
		"rpId":          func(b map[string]any) { b["rpId"] = "x.example" },
		"no rpId":       func(b map[string]any) { delete(b, "rpId") },
		"hash":          func(b map[string]any) { b["hashedCredentialId"] = b64(make([]byte, 32)) },
		"attachment":    func(b map[string]any) { b["authenticatorAttachment"] = "cross-platform" },
		"resident key":  func(b map[string]any) { b["residentKeyRequirement"] = "preferred" },
		"state":         func(b map[string]any) { b["stateName"] = "gone" },
		"aaguid":        func(b map[string]any) { b["aaguid"] = "x" },
		"authenticator": func(b map[string]any) { b["authenticator"] = "x" },
		"a number":      func(b map[string]any) { b["aaguid"] = 7 },
		"long name":     func(b map[string]any) { b["userFriendlyName"] = strings.Repeat("x", 65) },
		"control":       func(b map[string]any) { b["extId"] = "a\nb" },
		"no key": func(b map[string]any) {
			b["authenticator"] = b64([]byte(`{"credentialId":"AAAA"}`))
			sum := sha256.Sum256([]byte{0, 0, 0})
			b["hashedCredentialId"] = b64(sum[:])
		},
	} {
		spoilt := creating(item)
		spoil(spoilt)
		if r := w.do(request{path: ofUser("alice"), body: spoilt}); r.status != 422 {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	strict := creating(item)
	strict["rpId"] = "strict.example.org"
	wantIDM(t, w.do(request{path: ofUser("alice"), body: strict}), 422, "credential.unproven")
	wantIDM(t, w.do(request{path: ofUser("alice"), body: "{"}), 400, "request.json")
	wantIDM(t, w.do(request{path: ofUser("alice"), client: "portal", body: body}), 403, "authority.denied")
	wantIDM(t, w.do(request{path: ofUser("nobody"), body: body}), 404, "user.unknown")
	if got := w.list(ofUser("alice")); len(got) != 0 {
		t.Fatalf("a refusal stored %v", got)
	}

	r := w.do(request{path: ofUser("alice"), body: body})
	wantIDM(t, r, 201, "")
	if r.text("extId") != "ext-1" || r.header.Get("Location") != ofUser("alice")+"/ext-1" {
		t.Errorf("created: %v %s", r.header, r.body)
	}
	wantIDM(t, w.do(request{method: "GET", path: ofUser("alice") + "/ext-1"}), 200, "")
	wantOK(t, w.signIn("alice", d))
	again := creating(item)
	wantIDM(t, w.do(request{path: ofUser("alice"), body: again}), 409, "credential.exists")

	// Its counter may be raised, by its own record alone.
	raised := func(count uint32, of any) reply {
		var record map[string]any
		check(t, json.Unmarshal(unb64(t, of.(string)), &record))
		record["signCount"] = count
		text, err := json.Marshal(record)
		check(t, err)
		return w.do(request{method: "PATCH", path: ofUser("alice") + "/ext-1", body: map[string]any{"authenticator": b64(text)}})
	}
	wantIDM(t, raised(1000, item["authenticator"]), 200, "")
	wantIDM(t, raised(1, item["authenticator"]), 422, "credential.sign_count")
	wantIDM(t, raised(2000, b64([]byte(`{"credentialId":"AAAA"}`))), 422, "request.value")
	wantFailed(t, w.signIn("alice", d), 200, "sign_count")
}

func TestIDMLists(t *testing.T) {
	w := newWorld(t)
	var ids []string
	for i, name := range []string{"carol", "alice", "bob"} {
		w.user(name)
		w.enrolled(name, newDesk(t))
		w.Later(time.Second)
		items := w.list(ofUser(name))
		ids = append(ids, items[0]["extId"].(string))
		wantIDM(t, w.do(request{method: "PATCH", path: ofUser(name) + "/" + ids[i], body: map[string]any{"userFriendlyName": strings.ToUpper(name[:1]) + name[1:]}}), 200, "")
	}
	all := idm + "/clients/100/fido2"
	users := func(query string) string {
		var names []string
		for _, item := range w.list(all + "?" + query) {
			names = append(names, item["userExtId"].(string))
		}
		return strings.Join(names, " ")
	}
	hash := w.list(ofUser("bob"))[0]["hashedCredentialId"].(string)
	sorted := slices.Sorted(slices.Values(ids))
	for query, want := range map[string]string{
		"":                                            "carol alice bob",
		"sortBy=created_DESC":                         "bob alice carol",
		"sortBy=userFriendlyName_ASC":                 "alice bob carol",
		"sortBy=userFriendlyName_DESC&limit=1":        "carol",
		"sortBy=userFriendlyName&offset=1":            "bob carol",
		"sortBy=lastModified_DESC":                    "bob alice carol",
		"sortBy=validity.from":                        "carol alice bob",
		"sortBy=version_DESC":                         "carol alice bob",
		"sortBy=aaguid":                               "carol alice bob",
		"sortBy=rpId":                                 "carol alice bob",
		"offset=2":                                    "bob",
		"userFriendlyName=Alice":                      "alice",
		"userFriendlyName=alice":                      "",
		"userFriendlyName_IEQ=aLICE":                  "alice",
		"userFriendlyName_SW=B":                       "bob",
		"userFriendlyName_SW=b":                       "",
		"userFriendlyName_SW=%25":                     "",
		"extId=" + ids[1]:                             "alice",
		"extId_IEQ=" + strings.ToLower(ids[2]):        "bob",
		"extId_SW=" + sorted[0][:len(sorted[0])-1]:    "carol",
		"hashedCredentialId=" + url.QueryEscape(hash): "bob",
		"stateName=active":                            "carol alice bob",
		"stateName=archived":                          "",
	} {
		if got := users(query); got != want {
			t.Errorf("%q: %q, want %q", query, got, want)
		}
	}
	for _, query := range []string{
		"limit=0", "limit=x", "limit=1001", "offset=-1", "sortBy=color", "sortBy=created_UP", "stateName=asleep", "continuationToken=x",
		"userFriendlyName=a&userFriendlyName_IEQ=b", "extId=", "hashedCredentialId=%3D", "color=red", "limit=1&limit=2", "returnTotalResultCount=perhaps",
	} {
		if r := w.do(request{method: "GET", path: all + "?" + query}); r.status != 400 {
			t.Errorf("%q: %d %s", query, r.status, r.body)
		}
	}
	// Pages, by token; an offset wins over it.
	for _, query := range []string{"limit=2", "limit=2&sortBy=userFriendlyName_DESC"} {
		var seen []string
		token := ""
		for range 3 {
			r := w.do(request{method: "GET", path: all + "?returnTotalResultCount=true&" + query + token})
			wantIDM(t, r, 200, "")
			var page struct {
				Items      []struct{ UserExtID string }
				Pagination struct {
					ContinuationToken string
					TotalResultCount  int
				} `json:"_pagination"`
			}
			check(t, json.Unmarshal(r.body, &page))
			if page.Pagination.TotalResultCount != 3 {
				t.Errorf("%s: %s", query, r.body)
			}
			for _, item := range page.Items {
				seen = append(seen, item.UserExtID)
			}
			if page.Pagination.ContinuationToken == "" {
				break
			}
			token = "&continuationToken=" + url.QueryEscape(page.Pagination.ContinuationToken)
		}
		if len(seen) != 3 {
			t.Errorf("%s: %v", query, seen)
		}
		if got, want := users(query+token+"&offset=1"), users(strings.Replace(query, "limit=2", "limit=3", 1)); !strings.HasSuffix(want, got) || got == "" {
			t.Errorf("%s from the second: %s of %s", query, got, want)
		}
	}
	wantIDM(t, w.do(request{method: "GET", path: all, client: "elsewhere"}), 403, "authority.denied")
	wantIDM(t, w.do(request{method: "GET", path: all, client: "-"}), 401, "caller.anonymous")
}

// Users see, rename and disable their own credentials with a token, and nothing more.
func TestIDMSelf(t *testing.T) {
	var k tokens
	w := newWorld(t, withTokens(&k, nevis.TokenModes{}))
	w.user("alice")
	w.user("bob")
	w.enrolled("alice", newDesk(t))
	w.enrolled("bob", newDesk(t))
	ask := func(method, path string, body any) reply {
		return w.do(request{method: method, path: path, client: "-", token: k.of("alice"), body: body})
	}
	wantIDM(t, ask("GET", ofUser("alice"), nil), 200, "")
	wantIDM(t, ask("GET", ofUser("bob"), nil), 403, "subject.other")
	wantIDM(t, ask("GET", ofUser("nobody"), nil), 403, "subject.other")
	wantIDM(t, ask("GET", idm+"/clients/100/fido2", nil), 403, "subject.other")
	mine := ofUser("alice") + "/" + w.list(ofUser("alice"))[0]["extId"].(string)
	bobs := ofUser("bob") + "/" + w.list(ofUser("bob"))[0]["extId"].(string)
	wantIDM(t, ask("PATCH", mine, map[string]any{"userFriendlyName": "Mine", "stateName": "disabled"}), 200, "")
	wantIDM(t, ask("PATCH", mine, map[string]any{"stateName": "active"}), 403, "credential.resume")
	wantIDM(t, ask("PATCH", bobs, map[string]any{"stateName": "disabled"}), 404, "credential.unknown")
	wantIDM(t, ask("DELETE", bobs, nil), 404, "credential.unknown")
	wantIDM(t, ask("POST", ofUser("alice"), creating(w.list(ofUser("alice"))[0])), 403, "authority.denied")
	wantIDM(t, ask("DELETE", mine, nil), 204, "")
}
