package provision_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/audit"
	"bestow.dev/internal/credential"
	"bestow.dev/internal/plugout"
	"bestow.dev/internal/process"
)

func testSecurityKey(t *testing.T, seen *footprints) {
	for name, fn := range map[string]func(f *flow){
		"Next first": nextFirst, "creation first": creationFirst, "link ignored": linkIgnored, "desk too slow": deskTooSlow,
		"Next too late": nextTooLate, "no Next": noNext, "forged": forged,
	} {
		inWorlds(t, name, both, func(w *world, way string) {
			fn(w.shipped(way, "security-key", seen, nil))
		})
	}
}

func nextFirst(f *flow) {
	f.follow()
	f.choose("openLink", "")
	f.wantOpen("")
	f.desk.create()
	f.settle()
	f.wantEnd("done", "", "active")
	f.wantTrail("process.started", "process.started", "registration.begun", "relay.command_accepted", "relay.command_accepted",
		"relay.session_opened", "relay.command_ended", "process.task_completed", "relay.command_ended",
		"credential.registered", "relay.command_accepted", "relay.session_closed", "process.ended", "process.ended")
}

func creationFirst(f *flow) {
	f.follow()
	f.desk.create()
	f.settle()
	if got := f.states(); got != "" {
		f.t.Errorf("stored before Next: %q", got)
	}
	f.choose("openLink", "")
	f.wantEnd("done", "", "active")
	f.wantTrail("process.started", "process.started", "registration.begun", "relay.command_accepted", "relay.command_accepted",
		"relay.session_opened", "relay.command_ended", "relay.command_ended", "process.task_completed",
		"credential.registered", "relay.command_accepted", "relay.session_closed", "process.ended", "process.ended")
}

// challenges returns those of the options of each attempt.
func (f *flow) challenges() []string {
	f.t.Helper()
	page, err := f.p.Runs(f.t.Context(), f.root, process.RunFilter{Definition: "security-key-session"})
	check(f.t, err)
	var all []string
	for _, r := range page.Runs {
		run, err := f.p.GetRun(f.t.Context(), f.root, r.ID)
		check(f.t, err)
		var v struct {
			PublicKey struct{ Challenge string } `json:"publicKey"`
		}
		check(f.t, json.Unmarshal(run.State.Variables["fidoCreationOptions"], &v))
		all = append(all, v.PublicKey.Challenge)
	}
	return all
}

// Who does not follow the link is asked again when the time for it is over, and not
// before; the next attempt has a link and a challenge of its own.
func linkIgnored(f *flow) {
	first := f.value("openLink", "plugoutUrl")
	f.atTheTick(10*time.Second, "openLink", "tryLink")
	if says := f.value("tryLink", "errorMessage"); !strings.HasPrefix(says, string(plugout.StatusSessionNotStarted)) {
		f.t.Errorf("alice is told %q", says)
	}
	f.choose("tryLink", "again")
	if f.desk.tryOpen(first) == nil {
		f.t.Error("the first link opens a session")
	}
	if second := f.value("openLink", "plugoutUrl"); second == first {
		f.t.Error("the second link is the first")
	}
	if all := f.challenges(); len(all) != 2 || all[0] == all[1] || slices.Contains(all, "") {
		f.t.Errorf("the challenges are %q", all)
	}
	f.stored()
	f.wantEnd("done", "", "active")
}

// Who follows the link and then does nothing has longer.
func deskTooSlow(f *flow) {
	f.follow()
	f.atTheTick(240*time.Second, "openLink", "tryLink")
	f.choose("tryLink", "again")
	f.stored()
	f.wantEnd("done", "", "active")
}

// The challenge has expired before alice presses Next: what the key made is void.
func nextTooLate(f *flow) {
	f.follow()
	f.desk.create()
	f.settle()
	f.later(59 * time.Minute)
	f.choose("openLink", "")
	if says := f.value("tryLink", "errorMessage"); !strings.HasPrefix(says, "CHALLENGE_EXPIRED") {
		f.t.Errorf("alice is told %q", says)
	}
	f.choose("tryLink", "again")
	f.stored()
	f.wantEnd("done", "", "active")
}

// Nobody ever presses Next: the run does not wait for it for ever.
func noNext(f *flow) {
	f.follow()
	f.desk.create()
	f.settle()
	f.atTheTick(time.Hour, "openLink", "tryLink")
	f.choose("tryLink", "stop")
	f.choose("tell", "end")
	f.wantEnd("gaveUp", "GIVEN_UP", "")
}

// An answer that none of our installations signed is an operator's business.
func forged(f *flow) {
	f.follow()
	honest := f.desk.sign
	f.desk.sign = newSigner(f.t)
	f.desk.create()
	f.settle()
	if kind := f.value("forged", "errorType"); kind != "HERMOD_ERROR_JWT_SIGNATURE" {
		f.t.Errorf("the operator is told %s", kind)
	}
	if got := f.states(); got != "" {
		f.t.Errorf("stored: %q", got)
	}
	f.wantForgeryInTrail()
	f.choose("forged", "again")
	f.desk.sign = honest
	f.stored()
	f.wantEnd("done", "", "active")
}

func (f *flow) wantForgeryInTrail() {
	f.t.Helper()
	events, err := f.db.AuditEvents(f.t.Context(), audit.Query{Tenant: "acme", Action: "relay.command_ended", Refused: true})
	check(f.t, err)
	if len(events) != 1 || events[0].Outcome != "relay.invalid_response" || events[0].Detail["signature"] != "INVALID" || events[0].Actor.Kind != audit.Device {
		f.t.Errorf("the trail says %+v", events)
	}
}

// wayOut is a reason for which nothing is stored, and the task that it comes to.
type wayOut struct {
	name string
	task string
	fail func(f *flow)
}

func says(status plugout.Status) func(f *flow) { return func(f *flow) { f.answers(status) } }

var waysOut = []wayOut{
	{"ignored", "tryLink", func(f *flow) { f.later(10 * time.Second) }},
	{"refused", "tryTouch", says(plugout.StatusUserCancelled)},
	{"agent closed", "tryTouch", func(f *flow) {
		f.follow()
		check(f.t, f.relay.CloseSession(f.t.Context(), f.desk.at))
		f.settle()
	}},
	{"wrong PIN", "tryPin", says(plugout.StatusPINInvalid)},
	{"PIN blocked", "tryPin", says(plugout.StatusPINBlocked)},
	{"no PIN", "tryPin", says(plugout.StatusPINNotSet)},
	{"no fingerprint", "tryPin", says(plugout.StatusUVFailed)},
	{"known key", "tryOther", says(plugout.StatusCredentialExcluded)},
	{"broken key", "tryKey", says(plugout.StatusDeviceError)},
	{"no key", "tryKey", says(plugout.StatusNoAuthenticator)},
	{"full key", "tryKey", says(plugout.StatusKeyStoreFull)},
}

// testWaysOut takes alice out by each way and on: again, given up, or not answered.
func testWaysOut(t *testing.T, seen *footprints) {
	for _, c := range waysOut {
		t.Run(c.name, func(t *testing.T) {
			begin := func(w *world, way string) *flow {
				f := w.shipped(way, "security-key", seen, nil)
				c.fail(f)
				f.wantOpen(c.task)
				return f
			}
			inWorlds(t, "again", both, func(w *world, way string) {
				f := begin(w, way)
				f.choose(c.task, "again")
				f.stored()
				f.wantEnd("done", "", "active")
			})
			inWorlds(t, "given up", ours, func(w *world, way string) {
				f := begin(w, way)
				f.choose(c.task, "stop")
				f.choose("tell", "end")
				f.wantEnd("gaveUp", "GIVEN_UP", "")
			})
			inWorlds(t, "not answered", ours, func(w *world, way string) {
				f := begin(w, way)
				f.atTheTick(72*time.Hour, c.task, "tell")
				f.choose("tell", "again")
				f.stored()
				f.wantEnd("done", "", "active")
			})
		})
	}
	inWorlds(t, "setting gone", ours, func(w *world, way string) { settingGone(w.shipped(way, "security-key", seen, nil)) })
	for _, c := range mending {
		t.Run(c.name, func(t *testing.T) { c.test(t, seen) })
	}
}

// lock keeps alice from registering.
func (w *world) lock() {
	w.t.Helper()
	_, err := w.credentials.LockUser(w.t.Context(), w.root, credential.ByName(alice))
	check(w.t, err)
}

func (w *world) unlock() {
	w.t.Helper()
	_, err := w.credentials.UnlockUser(w.t.Context(), w.root, credential.ByName(alice))
	check(w.t, err)
}
