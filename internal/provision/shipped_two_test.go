package provision_test

import (
	"testing"
	"time"

	"bestow.dev/internal/plugout"
)

func testTwoKeys(t *testing.T, seen *footprints) {
	for name, fn := range map[string]func(f *flow){
		"both": func(f *flow) {
			f.stored()
			f.backup()
			f.wantEnd("done", "", "active active")
			f.wantTwoIDs()
		},
		"no primary": func(f *flow) {
			f.refuses()
			f.wantEnd("failed", "NO_KEY", "")
		},
		"backup refused, then made": func(f *flow) {
			f.stored()
			f.choose("next", "")
			f.refuses()
			f.choose("tell", "again")
			f.backup()
			f.wantEnd("done", "", "active active")
			f.wantTwoIDs()
		},
		"one is enough": func(f *flow) {
			f.stored()
			f.choose("next", "")
			f.refuses()
			f.choose("tell", "enough")
			f.wantEnd("oneKey", "", "active")
		},
		"next late": func(f *flow) {
			f.stored()
			f.atTheTick(7*24*time.Hour, "next", "tell")
			f.choose("tell", "again")
			f.backup()
			f.wantEnd("done", "", "active active")
		},
	} {
		inWorlds(t, name, both, func(w *world, way string) {
			fn(w.shipped(way, "two-security-keys", seen, nil))
		})
	}
}

// backup has alice take the other key.
func (f *flow) backup() {
	f.t.Helper()
	f.choose("next", "")
	f.desk = f.world.desk()
	f.stored()
}

// refuses has alice refuse at the desk, give up, and the operator agree.
func (f *flow) refuses() {
	f.t.Helper()
	f.answers(plugout.StatusUserCancelled)
	f.choose("tryTouch", "stop")
	f.choose("tell", "end")
}

// wantTwoIDs fails unless the run knows its two credentials by their ids.
func (f *flow) wantTwoIDs() {
	f.t.Helper()
	run, err := f.p.GetRun(f.t.Context(), f.root, f.id)
	check(f.t, err)
	one, two := string(run.State.Variables["primaryCredentialId"]), string(run.State.Variables["backupCredentialId"])
	if len(one) < 10 || len(two) < 10 || one == two {
		f.t.Errorf("the credentials are %s and %s", one, two)
	}
}
