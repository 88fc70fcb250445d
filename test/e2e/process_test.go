package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"bestow.dev/internal/store/pgtest"
)

// TestProcess plays the security-key process that comes with the program, from an API
// client that asks for it to the stored credential, with the real agent at the desk: once
// with our own relying party and relay called directly, and once through the fronts, as
// another vendor's servers would be.
func TestProcess(t *testing.T) { onBothEngines(t, playProcess) }

func playProcess(t *testing.T, engine string) {
	for how, name := range []string{internally: "internal", overHTTPS: "over HTTPS"} {
		t.Run(name, func(t *testing.T) {
			how := reach(how)
			if engine != "" && how != internally {
				engine = pgtest.URL(t) // a database of its own
			}
			d := newDesk(t)
			p := &processPlay{openOffice(t, engine, how, d.must("key", "show", "--jwks")), d, how}
			d.must("trust", "add", strings.TrimPrefix(p.url, "https://"), "--rp", "localhost")
			t.Run("the desk is done first", func(t *testing.T) { p.on(t).goesWell("desk-first", false) })
			t.Run("the person is done first", func(t *testing.T) { p.on(t).goesWell("person-first", true) })
			t.Run("nobody opens the link", func(t *testing.T) { p.on(t).linkIgnored() })
			t.Run("refused at the desk", func(t *testing.T) { p.on(t).ends("refused", p.desk, deskSecrets, "tryTouch", "--confirm-match") })
			t.Run("wrong PIN", func(t *testing.T) {
				wrong := strings.Replace(deskSecrets, "2468", "1357", 1)
				p.on(t).ends("wrong-pin", p.desk, wrong, "tryPin", "--confirm-match", "--yes")
			})
			t.Run("known key", func(t *testing.T) {
				p.on(t).ends("desk-first", p.desk, deskSecrets, "tryOther", "--confirm-match", "--yes")
			})
			t.Run("forged answer", func(t *testing.T) {
				foreign := newDesk(t)
				foreign.must("trust", "add", strings.TrimPrefix(p.url, "https://"), "--rp", "localhost")
				p.on(t).ends("forged", foreign, deskSecrets, "forged", "--confirm-match", "--yes")
			})
			p.leavesNoSecret(t)
		})
	}
}

// processPlay is an office with a desk whose key may have credentials from acts before.
type processPlay struct {
	*office
	desk *desk
	how  reach
}

// on returns the play with its failures told to t.
func (p *processPlay) on(t *testing.T) *processPlay {
	s, o, d := *p.server, *p.office, *p.desk
	s.t, d.t, o.server = t, t, &s
	return &processPlay{&o, &d, p.how}
}

// user returns a user's id; they are made if they are new.
func (p *processPlay) user(name string) string {
	p.t.Helper()
	var page struct{ Items []struct{ ID string } }
	p.must(200, request{"GET", "/api/v1/users?search=" + name, p.ops, nil}, &page)
	if len(page.Items) == 1 {
		return page.Items[0].ID
	}
	return p.hire(name)
}

// goesWell gives a user a credential.
func (p *processPlay) goesWell(name string, personFirst bool) {
	p.t.Helper()
	user := p.user(name)
	run := p.begin(name, "")
	task := p.task("user="+user, "openLink")
	v := p.visit(task.ID)
	link := v.link(task.ID)
	if personFirst {
		v.press(task.ID)
	}
	ended := p.desk.openAs(p.server, link, deskSecrets, "--confirm-match", "--yes")
	if !personFirst {
		eventually(p.t, "the desk is done", func() bool { return p.has(task.Run, "left", "createCredential") })
		if r := p.run(task.Run); r.Status != "running" {
			p.t.Errorf("the process did not wait for its person: %+v", r)
		}
		v.press(task.ID)
	}
	p.arrives(run.ID)
	if res := <-ended; res.code != 0 {
		p.t.Errorf("agent: exit %d: %s", res.code, res.stderr)
	}
	run = p.run(run.ID)
	ids := p.credentials(user)
	if run.Status != "completed" || len(ids) != 1 || run.text("fidoCredentialId") != ids[0] {
		p.t.Errorf("the run %+v; credentials %v", run, ids)
	}
	p.wantOnce(run.ID, "session", "done")
	p.wantOnce(task.Run, "getOptions", "startConnection", "openLink", "createCredential", "storeCredential", "endSession", "done")
}

// linkIgnored: the branch is taken when the time for the session start is over; not before
// it, and within three seconds.
func (p *processPlay) linkIgnored() {
	p.t.Helper()
	const timeout = 2 * time.Second
	p.messaging(p.how, times{60, 30, int(timeout / time.Second)})
	defer p.messaging(p.how, ample)
	user := p.user("ignored")
	run := p.begin("ignored", "")
	p.task("user="+user, "tryLink")
	attempt := p.timeline(p.attempts(user, run.ID)[0].ID)
	entered := when(p.t, p.timeline(run.ID), "entered", "tryLink")
	asked, told := when(p.t, attempt, "entered", "startConnection"), when(p.t, attempt, "left", "startConnection")
	if entered.Before(asked.Add(timeout)) || !entered.Before(told.Add(timeout+3*time.Second)) {
		p.t.Errorf("the session was asked for between %v and %v, and is too late at %v; its timeout is %v", asked, told, entered, timeout)
	}
	p.t.Logf("%v after the link there is the next task; the timeout is %v", entered.Sub(told), timeout)
	p.giveUp(user, run.ID, "tryLink")
}

// ends has the desk do what leads to a branch of its own.
func (p *processPlay) ends(name string, d *desk, secrets, branch string, person ...string) {
	p.t.Helper()
	user := p.user(name)
	before := p.credentials(user)
	run := p.begin(name, "")
	task := p.task("user="+user, "openLink")
	v := p.visit(task.ID)
	ended := d.openAs(p.server, v.link(task.ID), secrets, person...)
	defer func() { <-ended }()
	if branch == "forged" {
		p.task("run="+run.ID, branch)
	} else {
		p.task("user="+user, branch)
	}
	if after := p.credentials(user); !slices.Equal(after, before) {
		p.t.Errorf("credentials %v, before %v", after, before)
	}
	r := p.run(run.ID)
	p.t.Logf("%s: %s, %s", branch, r.text("errorType"), r.text("errorMessage"))
	p.wantOnce(task.Run, "getOptions", "startConnection", "openLink", "createCredential", "dropSession", "failed")
	p.giveUp(user, run.ID, branch)
}

// giveUp ends a run that stands at a branch: the person does not try again, and an enroller
// lets it be.
func (p *processPlay) giveUp(user, run, branch string) {
	p.t.Helper()
	last := branch
	if branch != "forged" {
		task := p.task("user="+user, branch)
		v := p.visit(task.ID)
		v.press(task.ID, "choice", "stop")
		last = "tell"
	}
	task := p.task("run="+run, last)
	p.must(200, request{"POST", "/api/v1/user-tasks/" + task.ID + "/complete", p.ops, map[string]any{"values": map[string]any{"choice": "end"}}}, nil)
	p.arrives(run)
	if r := p.run(run); r.Status != "failed" || r.Error != "GIVEN_UP" {
		p.t.Errorf("given up: %+v", r)
	}
	p.wantOnce(run, branch, "gaveUp")
}

// arrives waits until a run has ended.
func (o *office) arrives(run string) {
	o.t.Helper()
	for limit := time.Now().Add(patience); o.run(run).Status == "running"; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(limit) {
			o.t.Fatalf("the run does not end: %+v\n%+v", o.run(run), o.timeline(run))
		}
	}
}

// has reports whether a timeline has an entry.
func (p *processPlay) has(run, kind, element string) bool {
	p.t.Helper()
	return slices.ContainsFunc(p.timeline(run), func(h happening) bool { return h.Kind == kind && h.Element == element })
}

// wantOnce checks that a run came by elements once, each.
func (o *office) wantOnce(run string, elements ...string) {
	o.t.Helper()
	timeline := o.timeline(run)
	for _, e := range elements {
		n := 0
		for _, h := range timeline {
			if h.Kind == "entered" && h.Element == e {
				n++
			}
		}
		if n != 1 {
			o.t.Errorf("the run came by %s %d times: %+v", e, n, timeline)
		}
	}
}

// leavesNoSecret checks the trail, and that the log holds nothing that opens anything.
func (p *processPlay) leavesNoSecret(t *testing.T) {
	t.Helper()
	p.verb(nil, "audit", "verify")
	log := p.stop()
	for _, secret := range []string{"com.nexusgroup.plugout", relayKey, daSecret, callbackPassword, "2468-test"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds a secret: %s", secret)
		}
	}
}
