package process_test

import (
	"errors"
	"testing"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/process"
	"bestow.dev/internal/store/storetest"
	"bestow.dev/internal/tenant"
)

// Whom a run is for does not decide in it for the house, whatever role they hold beside.
func TestNobodyDecidesForThemselves(t *testing.T) {
	approval := person("u")
	approval.Form.Role = "desk"
	work := service("a", "desk")
	work.Work.Retries = 0
	w := newWorld(t, storetest.SQLite, func(c *process.Config) {
		c.HasRole = func(tenant.Authority, string) bool { return true }
	})
	w.deploy(inLine("role", approval), inLine("work", work), inLine("message", &bpmn.Element{ID: "m", Kind: bpmn.MessageCatch, Message: "proven"}))
	w.desk.on("a", func(process.Work, *process.Wait) (process.Result, error) { return process.Result{}, errors.New("no") })
	alice := enroller()
	alice.Actor.ID = tenant.UserPrefix + "id-of-alice"
	for _, c := range []struct {
		process string
		decide  func(r *process.Run, by tenant.Authority) error
	}{
		{"role", func(r *process.Run, by tenant.Authority) error {
			_, err := w.CompleteTask(t.Context(), by, w.task(r.ID).ID, nil)
			return err
		}},
		{"work", func(r *process.Run, by tenant.Authority) error {
			_, err := w.Skip(t.Context(), by, w.incidents(r.ID)[0].ID, nil)
			return err
		}},
		{"message", func(r *process.Run, by tenant.Authority) error {
			_, err := w.Deliver(t.Context(), by, r.ID, "proven", nil)
			return err
		}},
	} {
		r := w.start(c.process)
		w.settle(r.ID)
		wantCode(t, c.decide(r, alice), process.ErrOwn)
		if err := c.decide(r, enroller()); err != nil {
			t.Errorf("%s, by somebody else: %v", c.process, err)
		}
	}
}
