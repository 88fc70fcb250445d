package differential

import (
	"math/rand/v2"
	"os"
	"regexp"
	"testing"
	"testing/cryptotest"

	"bestow.dev/ctap/softkey"
)

// seed makes every run the same run, keys and signatures included.
const seed = 20260302

// table is where the kinds of difference are explained.
const table = "../../docs/differential.md"

// tableRow is a row of the table: its first cell is the kind.
var tableRow = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// compare returns the kind of difference between the two verdicts; empty if there is none.
func compare(ours, theirs verdict) string {
	switch {
	case !ours.accepted() && theirs.accepted():
		return "Bestow refuses: " + ours.cause
	case ours.accepted() && !theirs.accepted():
		return "go-webauthn refuses: " + theirs.cause
	case ours.accepted():
		for _, name := range sorted(ours.report) {
			if ours.report[name] != theirs.report[name] {
				return "reported differently: " + name
			}
		}
	}
	return ""
}

func TestDifferences(t *testing.T) {
	text, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]bool{}
	for _, row := range tableRow.FindAllStringSubmatch(string(text), -1) {
		listed[row[1]] = false
	}

	ceremonies := allCeremonies(t)
	bothAccept, bothRefuse, counts := 0, 0, map[string]int{}
	for _, c := range ceremonies {
		ours, theirs := bestow(t, c), goWebAuthn(t, c)
		kind := compare(ours, theirs)
		switch {
		case kind != "":
			counts[kind]++
			if _, ok := listed[kind]; !ok && counts[kind] <= 2 {
				t.Errorf("not listed: `%s`\n\tin %s\n\tBestow: %s %v\n\tgo-webauthn: %s %v\n\t%.2000s",
					kind, c.name, ours.detail, ours.report, theirs.detail, theirs.report, c.body(t))
			}
			listed[kind] = true
		case ours.accepted():
			bothAccept++
		default:
			bothRefuse++
		}
	}
	t.Logf("%d ceremonies: both accept %d, both refuse %d", len(ceremonies), bothAccept, bothRefuse)
	for _, kind := range sorted(counts) {
		t.Logf("%5d %s", counts[kind], kind)
	}
	for _, kind := range sorted(listed) {
		if !listed[kind] {
			t.Errorf("listed in %s, but not seen: %s", table, kind)
		}
	}
	if bothAccept < 50 || bothRefuse < 1000 {
		t.Error("too little was compared to say anything")
	}
}

// allCeremonies are what is compared, the same in each run.
func allCeremonies(t *testing.T) []*ceremony {
	t.Helper()
	cryptotest.SetGlobalRandom(t, seed)
	random := rand.New(rand.NewPCG(seed, 0))
	all := vectorCeremonies(t)
	for _, good := range all {
		all = append(all, mutations(t, random, good, 100)...)
	}
	for _, a := range authenticators(t) {
		goods := []*ceremony{
			a.register(t, "untouched", clientData("webauthn.create"), softkey.Forge{}),
			a.signIn(t, "untouched", clientData("webauthn.get"), softkey.Forge{}),
		}
		all = append(all, goods...)
		for _, good := range goods {
			all = append(all, mutations(t, random, good, 150)...)
		}
		all = append(all, forgedCeremonies(t, a)...)
		all = append(all, clientDataCeremonies(t, a)...)
		all = append(all, bodyCeremonies(t, a)...)
		all = append(all, encodingCeremonies(t, a)...)
		all = append(all, signedMutations(t, random, a, 150)...)
		all = append(all, spoiledClientData(t, random, a, 40)...)
		if a.attestation == softkey.AttestPacked {
			all = append(all, certificateCeremonies(t, a)...)
		}
	}
	for _, a := range attesters(t) {
		good := a.register(t, "untouched", clientData("webauthn.create"), softkey.Forge{})
		all = append(all, good)
		all = append(all, everyByte(good, "attestationObject", 1500)...)
		all = append(all, everyByte(good, "clientDataJSON", 300)...)
		all = append(all, mutations(t, random, good, 150)...)
		all = append(all, forgedCeremonies(t, a)...)
		all = append(all, encodingCeremonies(t, a)...)
		all = append(all, signedMutations(t, random, a, 100)...)
	}
	return all
}
