package onewelcome_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"bestow.dev/ctap/softkey"
)

var update = flag.Bool("update", false, "write the recorded exchanges anew")

// recorder writes the exchanges of a test down as people read them.
type recorder struct {
	*world
	text bytes.Buffer

	// names stand for what is another in every run: ids and signatures of the key, ids of
	// ours.
	names []string
}

// call names what is random in what follows.
func (r *recorder) call(name, value string) { r.names = append(r.names, value, "{"+name+"}") }

// send does the exchange and writes it down under a heading.
func (r *recorder) do(heading, method, client, path string, body any) reply {
	r.t.Helper()
	got := r.world.do(request{method: method, path: path, key: key(client), body: body})
	fmt.Fprintf(&r.text, "### %s\n\n%s %s%s HTTP/1.1\nHost: fido.example\nAuthorization: Bearer {the key of %s}\n", heading, method, prefix, path, client)
	if body != nil {
		text, err := json.MarshalIndent(body, "", "  ")
		check(r.t, err)
		fmt.Fprintf(&r.text, "Content-Type: application/json\n\n%s\n", text)
	}
	fmt.Fprintf(&r.text, "\nHTTP/1.1 %d\n", got.status)
	for _, name := range []string{"Content-Type", "Location", "WWW-Authenticate"} {
		if v := got.header.Get(name); v != "" {
			fmt.Fprintf(&r.text, "%s: %s\n", name, v)
		}
	}
	if len(got.body) > 0 {
		var text bytes.Buffer
		check(r.t, json.Indent(&text, got.body, "", "  "))
		fmt.Fprintf(&r.text, "\n%s\n", bytes.TrimSpace(text.Bytes()))
	}
	r.text.WriteString("\n")
	return got
}

// What the key or the server draws at random, where the test does not name it.
var drawn = []struct {
	found *regexp.Regexp
	said  string
}{
	{regexp.MustCompile(`("transactionId": )"[^"]+"`), `$1"{transactionId}"`},
	{regexp.MustCompile(`("correlationId": )"[^"]+"`), `$1"{correlationId}"`},
	{regexp.MustCompile(`("(?:attestationObject|clientDataJSON|authenticatorData|signature)": )"[^"]+"`), `$1"…"`},
}

func (r *recorder) compare(name string) {
	r.t.Helper()
	text := strings.NewReplacer(r.names...).Replace(r.text.String())
	for _, d := range drawn {
		text = d.found.ReplaceAllString(text, d.said)
	}
	path := filepath.Join("testdata", "exchanges", name+".http")
	if *update {
		check(r.t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(r.t, os.WriteFile(path, []byte(text), 0o644))
		return
	}
	kept, err := os.ReadFile(path)
	check(r.t, err)
	if text != string(kept) {
		r.t.Errorf("%s is not what is exchanged now; -update writes it anew. Got:\n%s", path, text)
	}
}

func record(t *testing.T) *recorder { return &recorder{world: newWorld(t)} }

func TestExchangesOfEnrolment(t *testing.T) {
	r := record(t)
	d := newDesk(t, softkey.AttestNone)
	options := r.do("Options for a user who is new", "POST", "shop", "/attestation/options", object{"username": "lena@shop.example", "displayName": "Lena"})
	answer := d.create(t, options.body)
	r.call("credentialId", answer["id"].(string))
	r.do("What the browser's toJSON gives is handed in as it is", "POST", "shop", "/attestation/verify", answer)
	r.do("The same answer again", "POST", "shop", "/attestation/verify", answer)
	r.do("The same user again: the credential is excluded", "POST", "shop", "/attestation/options?wrap=publicKey", object{"userId": options.text("user.id"), "username": "lena@shop.example"})
	r.do("No user name", "POST", "shop", "/attestation/options", object{})
	r.do("A relying party that the key is not for", "POST", "shop", "/attestation/options", object{"username": "lena", "rpId": strict})
	r.do("No such key", "POST", "nobody", "/attestation/options", object{"username": "lena"})
	r.compare("enrolment")
}

func TestExchangesOfAuthentication(t *testing.T) {
	r := record(t)
	d := newDesk(t, softkey.AttestNone)
	made := r.enrolled("shop", b64([]byte("u7-0091")), "lena@shop.example", d)
	r.call("credentialId", made.text("credential.credentialId"))
	options := r.do("Options for a user who said who they are", "POST", "shop", "/assertion/options", object{"userId": b64([]byte("u7-0091")), "userVerification": "required"})
	r.do("Their answer", "POST", "shop", "/assertion/verify", d.Get(t, options.body))
	options = r.do("Options for whoever answers", "POST", "shop", "/assertion/options", object{})
	answer := d.Get(t, options.body)
	answer["transactionId"] = options.text("transactionId")
	r.do("The answer says who it is", "POST", "shop", "/assertion/verify", answer)
	r.do("A user who is nobody's", "POST", "shop", "/assertion/options", object{"userId": "AAAA"})
	options = r.do("Once more", "POST", "shop", "/assertion/options", object{})
	d.Origin = "https://evil.example"
	r.do("An answer given to another site", "POST", "shop", "/assertion/verify", d.Get(t, options.body))
	d.Origin = ""
	early := d.Get(t, r.do("An answer that is kept back", "POST", "shop", "/assertion/options", object{}).body)
	r.good(200, r.post("shop", "/assertion/verify", d.Get(t, r.asked("shop", object{}))))
	r.do("It comes after a newer one: its counter is behind", "POST", "shop", "/assertion/verify", early)
	r.do("The credential is suspect", "GET", "shop", "/users/"+b64([]byte("u7-0091"))+"/credentials", nil)
	r.compare("authentication")
}

func TestExchangesOfAdministration(t *testing.T) {
	r := record(t)
	user := b64([]byte("u7-0091"))
	made := r.enrolled("shop", user, "lena@shop.example", newDesk(t, softkey.AttestNone))
	id := made.text("credential.credentialId")
	r.call("credentialId", id)
	path := "/users/" + user + "/credentials"
	r.do("A user's credentials", "GET", "shop", path, nil)
	r.do("Rename one", "PATCH", "shop", path+"/"+id, object{"name": "Blue key"})
	r.do("Suspend it", "PATCH", "shop", path+"/"+id, object{"state": "suspended", "reason": "reported lost"})
	r.do("Nobody can sign in with it", "POST", "shop", "/assertion/options", object{"userId": user})
	r.do("Delete it", "DELETE", "shop", path+"/"+id, nil)
	r.do("It is gone", "GET", "shop", path+"/"+id, nil)
	r.do("A key for one relying party does not erase users", "DELETE", "shop", "/users/"+user, nil)
	r.do("One for the tenant does", "DELETE", "every", "/users/"+user, nil)
	r.compare("administration")
}

func TestExchangesOfPolicies(t *testing.T) {
	r := record(t)
	r.do("A policy that refuses other models", "POST", "boss", "/authenticator-policies", object{"name": "models", "allowedAaguids": []string{otherModel}})
	r.do("One that warns", "POST", "boss", "/authenticator-policies", object{"name": "advice", "allowedAaguids": []string{otherModel}, "onViolation": "warn"})
	r.do("The name is unique", "POST", "boss", "/authenticator-policies", object{"name": "models", "syncedPasskeys": "denied"})
	for _, name := range []string{"models", "advice"} {
		options := r.do("Options under the policy "+name, "POST", "shop", "/attestation/options", object{
			"userId": b64([]byte(name)), "username": "lena", "policies": []string{name}, "authenticatorSelection": object{"residentKey": "required"},
		})
		answer := r.model.create(t, options.body)
		r.call("credentialId", answer["id"].(string))
		r.do("Another model's answer", "POST", "shop", "/attestation/verify", answer)
	}
	r.do("All policies", "GET", "shop", "/authenticator-policies", nil)
	r.do("A relying party", "PUT", "boss", "/relying-parties/new.example", object{"rpName": "New", "origins": []string{"https://www.new.example"}, "defaultPolicies": []string{"advice"}})
	r.do("A policy that holds somewhere stays", "DELETE", "boss", "/authenticator-policies/advice", nil)
	r.do("The other can be deleted", "DELETE", "boss", "/authenticator-policies/models", nil)
	r.do("The caller's own relying party", "GET", "shop", "/relying-parties/"+site, nil)
	r.compare("policies")
}
