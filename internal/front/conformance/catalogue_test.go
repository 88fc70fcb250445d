package conformance_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
)

// run is a case of the catalogue: how it is run, in a world.
type run func(t *testing.T, w *world)

// group is one of the catalogue's groups: its name, and how many cases it has that must
// succeed, and be refused.
type group struct {
	name    string
	ok, bad int
}

// catalogue is what the tests of version 1.9.1 check in a server, by public descriptions.
var catalogue = []group{
	{"Req-1", 4, 0},
	{"Resp-1", 1, 15},
	{"Resp-2", 0, 17},
	{"Resp-3", 1, 19},
	{"Resp-4", 12, 0},
	{"Resp-5", 5, 14},
	{"Resp-6", 1, 3},
	{"Resp-7", 2, 1},
	{"Resp-8", 1, 2},
	{"Resp-9", 3, 4},
	{"Resp-A", 1, 3},
	{"Get-Req-1", 2, 0},
	{"Get-Resp-1", 1, 21},
	{"Get-Resp-2", 0, 17},
	{"Get-Resp-3", 7, 5},
	{"MDS3", 1, 5},
}

// ids returns the ids of a group's cases. Of the TPM cases the third was given up.
func (g group) ids() (all []string) {
	for n := range g.ok {
		id := fmt.Sprintf("%s/P-%d", g.name, n+1)
		if id == "Resp-9/P-3" {
			id = "Resp-9/P-4"
		}
		all = append(all, id)
	}
	for n := range g.bad {
		all = append(all, fmt.Sprintf("%s/F-%d", g.name, n+1))
	}
	return all
}

// total is how many cases there are; optional are those that a server may leave out.
const total = 168

var optional = []string{
	"Resp-4/P-1", "Resp-4/P-2", "Resp-4/P-3", "Resp-4/P-4", "Resp-4/P-6", "Resp-4/P-7", "Resp-4/P-10", "Resp-4/P-11",
	"Resp-9/P-4", "Resp-A/P-1", "Resp-A/F-1", "Resp-A/F-2", "Resp-A/F-3",
}

// TestCatalogue: each case of the catalogue is a test, and there are no others.
func TestCatalogue(t *testing.T) {
	have := map[string]int{}
	for _, cases := range []map[string]run{requestCases(), registrationCases(), assertionCases(), metadataCases()} {
		for id := range cases {
			have[id]++
		}
	}
	for _, id := range optional {
		if have[id] != 1 {
			t.Errorf("%s, which is optional, is a test %d times", id, have[id])
		}
	}
	sum := 0
	for _, g := range catalogue {
		for _, id := range g.ids() {
			sum++
			if have[id] != 1 {
				t.Errorf("%s is a test %d times", id, have[id])
			}
			delete(have, id)
		}
	}
	if sum != total {
		t.Errorf("the catalogue has %d cases, not %d", sum, total)
	}
	for id := range have {
		t.Errorf("%s is not in the catalogue", id)
	}
}

// runAll runs cases by their ids.
func runAll(t *testing.T, w *world, cases map[string]run) {
	for _, id := range slices.Sorted(maps.Keys(cases)) {
		t.Run(id, func(t *testing.T) { cases[id](t, w) })
	}
}

func TestRequests(t *testing.T)      { runAll(t, newWorld(t), requestCases()) }
func TestRegistrations(t *testing.T) { runAll(t, newWorld(t), registrationCases()) }
func TestAssertions(t *testing.T)    { runAll(t, newWorld(t), assertionCases()) }

// merge puts cases together; none may be there twice.
func merge(all ...map[string]run) map[string]run {
	out := map[string]run{}
	for _, cases := range all {
		for id, r := range cases {
			if out[id] != nil {
				panic(id + " is there twice")
			}
			out[id] = r
		}
	}
	return out
}
