package provision_test

import (
	"testing"
	"time"
)

// register has alice follow the invitation and register a key in her browser.
func (f *flow) register() {
	f.t.Helper()
	f.enrol(f.value("register", "invitationUrl"))
	f.settle()
}

const invitationLife = 48 * time.Hour

func testBrowser(t *testing.T, seen *footprints) {
	for name, fn := range map[string]func(f *flow){
		"Next first": func(f *flow) {
			link := f.value("register", "invitationUrl")
			f.choose("register", "")
			f.wantOpen("")
			f.enrol(link)
			f.settle()
			f.wantEnd("done", "", "active")
			f.wantTrail("process.started", "process.started", "invitation.created", "process.task_completed",
				"invitation.spent", "registration.begun", "credential.registered", "process.ended", "process.ended")
		},
		"registered first": func(f *flow) {
			f.register()
			f.choose("register", "")
			f.wantEnd("done", "", "active")
			f.wantTrail("process.started", "process.started", "invitation.created",
				"invitation.spent", "registration.begun", "credential.registered", "process.task_completed", "process.ended", "process.ended")
		},
		"without news": func(f *flow) {
			f.tellNews(nil)
			f.register()
			f.choose("register", "")
			f.later(time.Minute)
			f.wantEnd("done", "", "active")
		},
		"never Next": func(f *flow) {
			f.register()
			f.atTheTick(invitationLife, "register", "")
			f.wantEnd("done", "", "active")
		},
		"not followed": func(f *flow) {
			f.notFollowed()
			f.choose("tell", "again")
			f.register()
			f.choose("register", "")
			f.wantEnd("done", "", "active")
		},
		"given up": func(f *flow) {
			f.notFollowed()
			f.choose("tell", "end")
			f.wantEnd("gaveUp", "GIVEN_UP", "")
		},
	} {
		inWorlds(t, name, ours, func(w *world, way string) {
			fn(w.shipped(way, "security-key-browser", seen, nil))
		})
	}
	inWorlds(t, "not invited", ours, func(w *world, way string) {
		w.lock()
		f := w.shipped(way, "security-key-browser", seen, nil)
		f.choose("mend", "again")
		f.wantOpen("mend")
		f.unlock()
		f.choose("mend", "again")
		f.register()
		f.choose("register", "")
		f.wantEnd("done", "", "active")
	})
	inWorlds(t, "not invited, given up", ours, func(w *world, way string) {
		w.lock()
		f := w.shipped(way, "security-key-browser", seen, nil)
		f.choose("mend", "end")
		f.wantEnd("gaveUp", "GIVEN_UP", "")
	})
}

// notFollowed lets the invitation and the last visit that it may have begun go by.
func (f *flow) notFollowed() {
	f.t.Helper()
	f.atTheTick(invitationLife, "register", "")
	f.later(15 * time.Minute)
	f.wantOpen("")
	f.later(time.Minute)
	f.wantOpen("tell")
}
