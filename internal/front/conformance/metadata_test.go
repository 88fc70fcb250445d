package conformance_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"

	"bestow.dev/internal/mds"
	"bestow.dev/internal/mds/mdstest"
	"bestow.dev/webauthn"
)

// breaches are the statuses of models that are not to be accepted any more.
var breaches = []string{
	"USER_VERIFICATION_BYPASS", "ATTESTATION_KEY_COMPROMISE", "USER_KEY_REMOTE_COMPROMISE", "USER_KEY_PHYSICAL_COMPROMISE", "REVOKED",
}

// behind returns the model that only the n-th of the bad lists has.
func behind(n int) webauthn.AAGUID { return model(modelBehind[15] + byte(n)) }

// breached returns the model with the n-th breach.
func breached(n int) webauthn.AAGUID { return model(30 + byte(n)) }

// list publishes models, each with a status, and returns the list as a source.
func list(t testing.TB, name string, s *mdstest.Service, statuses map[webauthn.AAGUID]string) mds.Source {
	t.Helper()
	var entries []map[string]any
	for id, status := range statuses {
		e := mdstest.Entry(id.String(), "Lab key "+id.String(), status)
		e["metadataStatement"] = statement(id, "basic_full", nil, newLab().root.cert)
		entries = append(entries, e)
	}
	s.Publish(mdstest.List{Number: 7, NextUpdate: now.AddDate(0, 1, 0).Format("2006-01-02"), Entries: entries})
	return source(t, name, s, s.Text())
}

// source is a list that is read from a file, with the revocation lists that go with it.
func source(t testing.TB, name string, s *mdstest.Service, text []byte) mds.Source {
	t.Helper()
	dir := t.TempDir()
	write := func(file string, text []byte) string {
		path := filepath.Join(dir, file)
		check(t, os.WriteFile(path, text, 0o600))
		return path
	}
	out := mds.Source{Name: name, File: write("list.jwt", text), Roots: []*x509.Certificate{s.Root.Cert}}
	for _, by := range []*mdstest.Signer{s.Root, s.CA} {
		out.CRLFiles = append(out.CRLFiles, write(by.Cert.Subject.CommonName+".crl", s.RevocationList(by)))
	}
	return out
}

// lists are those of five services, of which one is good.
func lists(t testing.TB) []mds.Source {
	t.Helper()
	good := mdstest.New(t, now)
	models := map[webauthn.AAGUID]string{modelListed: "FIDO_CERTIFIED_L1"}
	for n, status := range breaches {
		models[breached(n)] = status
	}
	all := []mds.Source{list(t, "good", good, models)}

	bad := func(n int) (string, *mdstest.Service, map[webauthn.AAGUID]string) {
		return "bad-" + string(rune('0'+n)), mdstest.New(t, now), map[webauthn.AAGUID]string{behind(n): "FIDO_CERTIFIED_L1"}
	}
	// F-2: a signature that is none.
	name, s, m := bad(2)
	list(t, name, s, m)
	text := s.Text()
	text[len(text)-10] ^= 1
	all = append(all, source(t, name, s, text))
	// F-3: a chain that leads to another root.
	name, s, m = bad(3)
	astray := list(t, name, s, m)
	astray.Roots = []*x509.Certificate{good.Root.Cert}
	all = append(all, astray)
	// F-4 and F-5: a certificate of the chain is revoked.
	name, s, m = bad(4)
	s.RevokeCA()
	all = append(all, list(t, name, s, m))
	name, s, m = bad(5)
	s.RevokeSigner()
	return append(all, list(t, name, s, m))
}

func metadataCases() map[string]run {
	attests := func(id webauthn.AAGUID, code string) run {
		return func(t *testing.T, w *world) { want(t, w.register(t, nil, by(id, newLab().batch)), code) }
	}
	return map[string]run{
		"MDS3/P-1": attests(modelListed, ""),
		"MDS3/F-1": func(t *testing.T, w *world) {
			for n := range breaches {
				attests(breached(n), "metadata.status")(t, w)
			}
		},
		"MDS3/F-2": attests(behind(2), "metadata.unknown_aaguid"),
		"MDS3/F-3": attests(behind(3), "metadata.unknown_aaguid"),
		"MDS3/F-4": attests(behind(4), "metadata.unknown_aaguid"),
		"MDS3/F-5": attests(behind(5), "metadata.unknown_aaguid"),
	}
}

// TestMetadata: a list that is not good is left aside, and the good one counts.
func TestMetadata(t *testing.T) { runAll(t, newWorld(t, lists(t)...), metadataCases()) }
