package credential_test

import (
	"crypto/x509"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"bestow.dev/ctap/softkey"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/fault"
	"bestow.dev/internal/tenant"
	"bestow.dev/webauthn"
)

// spoils changes the database by hand.
func (d *lab) spoils(statement string, args ...any) {
	d.t.Helper()
	raw, err := sql.Open("sqlite", d.path+"?_pragma=busy_timeout(5000)")
	check(d.t, err)
	defer raw.Close()
	res, err := raw.ExecContext(d.t.Context(), statement, args...)
	check(d.t, err)
	if n, err := res.RowsAffected(); err != nil || n == 0 {
		d.t.Fatalf("%s changes %d rows: %v", statement, n, err)
	}
}

// moreKinds are all ways in which a software key attests.
var moreKinds = append([]softkey.Attestation{softkey.AttestSelf, softkey.AttestNone, softkey.AttestTPMRSA}, certifying...)

// The policies that hold at most registrations here: one that is met where the key is
// trusted, one that asks the metadata, and one that nobody meets and that monitors.
const (
	known    = `{"name": "known", "rules": {"metadata": {"required": false}}}`
	watching = `{"name": "watching", "mode": "monitor", "rules": {"models": {"deny": ["452f9e98-51aa-4c3b-8871-3a5b194146a9"]}, "residentKey": "forbidden"}}`
)

// When all certificates have expired, with everything gone or changed by which it was judged, a
// registration is judged again as it was then.
func TestByThen(t *testing.T) {
	by := map[string]func(d *lab) tenant.RelyingParty{
		"the relying party": func(d *lab) tenant.RelyingParty { return tenant.RelyingParty{TrustAnchors: asPEM(d.root())} },
		"the format": func(d *lab) tenant.RelyingParty {
			return tenant.RelyingParty{Trust: tenant.Trust{FormatAnchors: map[string]string{formatOf(d.kind): asPEM(d.root())}}}
		},
		"a vendor": func(d *lab) tenant.RelyingParty {
			d.vendors.sets = map[string]map[string][]*x509.Certificate{"maker": {formatOf(d.kind): {foreign(t, d.clock), d.root()}}}
			return tenant.RelyingParty{}
		},
		"the metadata": func(d *lab) tenant.RelyingParty {
			d.knows("own", nil, "FIDO_CERTIFIED")
			d.knows("fido", []*x509.Certificate{d.root()}, "FIDO_CERTIFIED_L1")
			return tenant.RelyingParty{}
		},
		"nobody": func(*lab) tenant.RelyingParty { return tenant.RelyingParty{} },
	}
	for _, kind := range moreKinds {
		for name, trusts := range by {
			if kind == softkey.AttestTPMRSA && name != "the relying party" || kind == softkey.AttestSelf && name != "the metadata" && name != "nobody" ||
				kind == softkey.AttestNone && name == "the format" {
				continue
			}
			t.Run(string(kind)+"/"+name, func(t *testing.T) {
				t.Parallel()
				d := newLab(t, kind)
				d.accepts(trusts(d))
				d.holds(known, watching)
				c := d.registered("alice")
				e := d.evidence(c)
				if want := name != "nobody" && kind != softkey.AttestSelf && kind != softkey.AttestNone; c.Trusted != want {
					t.Fatalf("trusted: %t, want %t", c.Trusted, want)
				}

				d.later(40 * 365 * 24 * time.Hour)
				d.models.all, d.vendors.sets, d.vendors.tpm = nil, nil, nil
				d.accepts(tenant.RelyingParty{
					Name: "New", Origins: []string{"https://" + site + ":8443"}, Algorithms: []int32{-257}, AttestationTrust: tenant.TrustRequire,
					Trust: tenant.Trust{Metadata: tenant.MetadataOff, Outdated: []tenant.Outdated{tenant.OutdatedSHA1Chain}},
				})
				for _, p := range []string{"known", "watching"} {
					check(t, d.directory.DeletePolicy(t.Context(), d.admin(), p))
				}
				d.wantAsThen(c, e)

				// Not even the relying party has to be there.
				d.spoils(`DELETE FROM relying_party`)
				d.later(time.Second)
				d.wantAsThen(c, e)
				_, err := d.svc.Reverify(t.Context(), d.idm, credential.Ref{ID: c.ID}, credential.ByNow)
				wantFault(t, err, tenant.ErrRelyingPartyUnknown)
			})
		}
	}
}

// wantAsThen fails unless a registration is judged by then as it was.
func (d *lab) wantAsThen(c *credential.Credential, e *credential.Evidence) {
	d.t.Helper()
	r := d.reverify(c, credential.ByThen)
	if !r.Same() || !r.BasisKept || r.Refusal != "" || r.Trusted != e.Trusted || string(r.Anchor) != string(e.Anchor) ||
		r.Format != e.Format || r.AttestationType != e.AttestationType || !r.Time.Equal(e.Judged) {
		d.t.Errorf("by then: %+v", r)
	}
	now, then := asText(d.t, r.Decision), asText(d.t, e.Decision)
	if now != then {
		d.t.Errorf("decision\n%s\nwant\n%s", now, then)
	}
}

func asText(t testing.TB, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	check(t, err)
	return string(text)
}

// The client had said nothing on whether the credential is discoverable; that the options
// insisted on it is no word of the client's when a policy is judged again.
func TestByThenOfTheClientsWord(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.holds(watching)
	c := d.registered("alice")
	if e := d.evidence(c); c.Discoverable != credential.Yes || e.Told.Discoverable != nil || e.Told.Attachment != "cross-platform" {
		t.Fatalf("credential %q, told %+v", c.Discoverable, e.Told)
	}
	d.wantAsThen(c, d.evidence(c))
	// What it had said is not taken from the credential, where others may change it.
	d.spoils(`UPDATE credential SET discoverable = 'no', transports = '["nfc"]', attachment = 'platform'`)
	d.wantAsThen(c, d.evidence(c))
}

// Whoever changes a record is found out: by a difference, by a refusal, or because it
// cannot be judged any more, which is nobody's fault who asks.
func TestTampering(t *testing.T) {
	const lost = "lost" // an internal error
	for _, test := range []struct{ name, spoil, want string }{
		{"public key", `UPDATE credential SET public_key = X'a5'`, "public key"},
		{"credential id", `UPDATE credential SET credential_id = X'00'`, "credential id"},
		{"algorithm", `UPDATE credential SET algorithm = -257`, "algorithm"},
		{"model", `UPDATE credential SET aaguid = X'00000000000000000000000000000001'`, "model"},
		{"backup", `UPDATE credential SET backup_eligible = TRUE`, "backup eligible"},
		{"trusted, of the credential", `UPDATE credential SET trusted = FALSE`, "trusted"},
		{"format, of the credential", `UPDATE credential SET format = 'tpm'`, "format"},
		{"type, of the credential", `UPDATE credential SET attestation_type = 'attca'`, "attestation type"},
		{"warnings, of the credential", `UPDATE credential SET warnings = '["w"]'`, "warnings"},

		{"trusted", `UPDATE credential_evidence SET trusted = FALSE`, "trusted"},
		{"format", `UPDATE credential_evidence SET format = 'tpm'`, "format"},
		{"type", `UPDATE credential_evidence SET attestation_type = 'none'`, "attestation type"},
		{"warnings", `UPDATE credential_evidence SET warnings = '["w"]'`, "warnings"},
		{"anchor", `UPDATE credential_evidence SET anchor = zeroblob(32)`, "anchor"},
		{"chain", `UPDATE credential_evidence SET chain = zeroblob(64)`, "certificates"},
		{"a policy's verdict", `UPDATE credential_evidence SET decision = replace(decision, 'would-refuse', 'passed')`, "policies"},
		{"all verdicts", `UPDATE credential_evidence SET decision = ''`, "policies"},
		{"what the client told", `UPDATE credential_evidence SET told = '{"discoverable":true}'`, ""}, // which no policy asks

		{"attestation object", `UPDATE credential_evidence SET attestation_object = CAST(replace(attestation_object, X'676174745374', X'676174745375') AS BLOB)`, "webauthn.cbor_malformed"},
		{"attestation object cut", `UPDATE credential_evidence SET attestation_object = substr(attestation_object, 1, 100)`, "webauthn.cbor_malformed"},
		{"no attestation object", `UPDATE credential_evidence SET attestation_object = X''`, "webauthn.cbor_malformed"},
		{"signed data", `UPDATE credential_evidence SET attestation_object = X'SPOILT'`, "webauthn."},
		{"client data", `UPDATE credential_evidence SET client_data = CAST(replace(client_data, 'false', 'true') AS BLOB)`, "webauthn."},
		{"no client data", `UPDATE credential_evidence SET client_data = X''`, "webauthn."},
		{"options", `UPDATE credential_evidence SET options = replace(options, '"challenge":"', '"challenge":"AAAA')`, "webauthn.challenge"},
		{"no options", `UPDATE credential_evidence SET options = ''`, lost},
		{"time", `UPDATE credential_evidence SET judged_ms = judged_ms + 86400000`, "time"},
		{"terms", `UPDATE credential_evidence SET terms = '{"aaguids":["00000000-0000-0000-0000-000000000001"]}'`, "webauthn.attestation_untrusted"},
		{"terms that are none", `UPDATE credential_evidence SET terms = '{"aaguids":["x"]}'`, lost},

		{"a part's content", `UPDATE judgement_basis SET body = body || X'20' WHERE kind = 'settings'`, lost},
		{"an anchor's content", `UPDATE judgement_basis SET body = X'00' WHERE kind = 'anchor'`, lost},
		{"a part's kind", `UPDATE judgement_basis SET kind = 'anchor' WHERE kind = 'settings'`, lost},
		{"a part that is gone", `DELETE FROM judgement_basis WHERE kind = 'policy'`, lost},
		{"all parts gone", `DELETE FROM judgement_basis`, lost},
		{"settings that are not named", `UPDATE credential_evidence SET basis = (SELECT json_group_array(json(value)) FROM json_each(basis) WHERE json_extract(value, '$.kind') <> 'settings')`, lost},
		{"a policy that is not named", `UPDATE credential_evidence SET basis = (SELECT json_group_array(json(value)) FROM json_each(basis) WHERE json_extract(value, '$.kind') <> 'policy')`, "policies"},
		{"an anchor that is not named", `UPDATE credential_evidence SET basis = (SELECT json_group_array(json(value)) FROM json_each(basis) WHERE json_extract(value, '$.kind') <> 'anchor')`, "policy.refused"},
		{"settings that are named twice", `UPDATE credential_evidence SET basis = json_insert(basis, '$[#]', json_extract(basis, '$[0]'))`, lost},
		{"a name that is none", `UPDATE credential_evidence SET basis = json_replace(basis, '$[0].hash', 'x')`, lost},
		{"nothing", `UPDATE credential SET name = 'x', user_agent = 'y', sign_count = 99, backup_state = TRUE, state = 'suspended'`, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			d.knows("fido", nil, "FIDO_CERTIFIED")
			d.holds(vouched, mode("monitor", banned))
			c := d.registered("alice")
			d.wantAsThen(c, d.evidence(c))
			d.spoils(strings.Replace(test.spoil, "X'SPOILT'", "CAST(replace(attestation_object, X'"+hexOf(c.CredentialID)+"', X'"+hexOf(spoilt(c.CredentialID))+"') AS BLOB)", 1))
			r, err := d.svc.Reverify(t.Context(), d.idm, credential.Ref{ID: c.ID}, credential.ByThen)
			switch {
			case test.want == lost:
				if r != nil && r.Accepted || fault.KindOf(err) != fault.Internal || err == nil {
					t.Errorf("got %+v, %v, want an internal error", r, err)
				}
			case err != nil:
				t.Errorf("got %v, want %s", err, test.want)
			case test.want == "":
				if !r.Same() {
					t.Errorf("got %+v", r)
				}
			case strings.Contains(test.want, "."):
				if r.Accepted || !strings.HasPrefix(r.Refusal, test.want) || r.Words == "" || len(r.Differences) != 1 || r.Same() {
					t.Errorf("got %+v, want %s", r, test.want)
				}
			default:
				if r.Same() || !r.Accepted || r.Differences[0].What != test.want {
					t.Errorf("got %+v, want a difference in %s", r, test.want)
				}
			}
		})
	}
}

func hexOf(b []byte) string { return strings.ToUpper(hex.EncodeToString(b)) }

// spoilt is b with another first byte.
func spoilt(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }

// What was registered before a basis was kept is judged by today's settings, at the time
// of then, and that is said.
func TestWithoutBasis(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
	c := d.registered("alice")
	d.spoils(`UPDATE credential_evidence SET told = '', terms = '', decision = '', basis = ''`)
	d.later(40 * 365 * 24 * time.Hour)
	for _, how := range []credential.By{credential.ByThen, credential.ByNow} {
		if r := d.reverify(c, how); !r.Same() || r.BasisKept || !r.Trusted {
			t.Errorf("by %s: %+v", how, r)
		}
	}
	d.accepts(tenant.RelyingParty{})
	if r := d.reverify(c, credential.ByThen); r.Same() || !r.Accepted || r.BasisKept || r.Differences[0].What != "trusted" {
		t.Errorf("without its anchor: %+v", r)
	}
	d.accepts(tenant.RelyingParty{AttestationTrust: tenant.TrustRequire})
	if r := d.reverify(c, credential.ByThen); r.Accepted || r.Refusal != "webauthn.attestation_untrusted" {
		t.Errorf("where trust is required: %+v", r)
	}
	// To sign in is not to register.
	d.holds(`{"name": "verified", "at": ["sign-in"], "rules": {"userVerification": "required"}}`)
	begun := d.beginSignIn("alice")
	resp, err := webauthn.ParseAuthenticationResponse(d.key.get(begun.Options))
	check(t, err)
	_, err = d.svc.FinishAuthentication(t.Context(), d.idm, credential.FinishAuthentication{RelyingParty: site, Response: resp})
	check(t, err)
}

// By now is told what became of a registration.
func TestByNow(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(d *lab)
		want   func(r *credential.Reverification) bool
	}{
		{"nothing", func(*lab) {}, (*credential.Reverification).Same},
		{"certificates expired", func(d *lab) { d.later(40 * 365 * 24 * time.Hour) }, (*credential.Reverification).Same},
		{"another version of a policy with the same verdict", func(d *lab) {
			d.holds(strings.Replace(vouched, `"rules"`, `"at": ["registration", "sign-in"], "rules"`, 1))
		}, (*credential.Reverification).Same},
		{"anchor gone", func(d *lab) {
			d.holds()
			d.accepts(tenant.RelyingParty{})
		}, func(r *credential.Reverification) bool {
			return r.Accepted && !r.Trusted && r.Anchor == nil && r.Differences[0] == credential.Difference{What: "trusted", Then: "true", Now: "false"}
		}},
		{"trust required by now", func(d *lab) {
			d.accepts(tenant.RelyingParty{AttestationTrust: tenant.TrustRequire})
		}, func(r *credential.Reverification) bool {
			return !r.Accepted && r.Refusal == "webauthn.attestation_untrusted" && r.Step == "7.1/24" && r.Words != ""
		}},
		{"policy that refuses", func(d *lab) { d.holds(vouched, banned) }, func(r *credential.Reverification) bool {
			return !r.Accepted && r.Refusal == "policy.refused" && r.Decision.RefusedBy.Policy == "banned" && r.Step == "" && strings.Contains(r.Words, "banned")
		}},
		{"policy that monitors", func(d *lab) { d.holds(vouched, mode("monitor", banned)) }, func(r *credential.Reverification) bool {
			return r.Accepted && !r.Same() && r.Differences[0].What == "policies"
		}},
		{"model revoked", func(d *lab) { d.knows("fido", nil, "REVOKED") }, func(r *credential.Reverification) bool {
			return !r.Accepted && r.Decision.RefusedBy.Policy == "bestow.metadata"
		}},
		{"origin gone", func(d *lab) {
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root()), Origins: []string{"https://" + site + ":8443"}})
		}, func(r *credential.Reverification) bool { return r.Refusal == "webauthn.origin" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := newLab(t, softkey.AttestPacked)
			d.accepts(tenant.RelyingParty{TrustAnchors: asPEM(d.root())})
			d.holds(vouched)
			c := d.registered("alice")
			e := d.evidence(c)
			test.change(d)
			if r := d.reverify(c, credential.ByNow); !test.want(r) || r.By != credential.ByNow || !r.BasisKept {
				t.Errorf("got %+v", r)
			}
			d.wantAsThen(c, e)
		})
	}
}

func TestReverifyRefuses(t *testing.T) {
	d := newLab(t, softkey.AttestPacked)
	c := d.registered("alice")
	ctx, ref := t.Context(), credential.Ref{ID: c.ID}
	_, err := d.svc.Reverify(ctx, d.idm, ref, "yesterday")
	wantFault(t, err, credential.ErrReverifyBy)
	_, err = d.svc.Reverify(ctx, d.idm, credential.Ref{ID: "never"}, credential.ByThen)
	wantFault(t, err, credential.ErrCredentialUnknown)
	blind := d.idm
	blind.Scopes = []tenant.Scope{tenant.ScopeProvision}
	if _, err = d.svc.Reverify(ctx, blind, ref, credential.ByThen); err == nil {
		t.Error("without fido.read")
	}
	elsewhere := d.idm
	elsewhere.RelyingParties = []string{"other.example"}
	_, err = d.svc.Reverify(ctx, elsewhere, ref, credential.ByThen)
	wantFault(t, err, credential.ErrCredentialUnknown)
	foreign := d.idm
	foreign.Tenant = "beta"
	_, err = d.svc.Reverify(ctx, foreign, ref, credential.ByThen)
	wantFault(t, err, credential.ErrCredentialUnknown)
	browser := d.idm
	browser.Session = "s"
	_, err = d.svc.Reverify(ctx, browser, ref, credential.ByThen)
	wantFault(t, err, credential.ErrSessionPurpose)
	d.store.fails = errors.New("the disk is on fire")
	_, err = d.svc.Reverify(ctx, d.idm, ref, credential.ByThen)
	if !errors.Is(err, d.store.fails) {
		t.Errorf("of a store that fails: %v", err)
	}
}
