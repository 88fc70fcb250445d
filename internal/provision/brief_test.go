package provision_test

import (
	"testing"

	"bestow.dev/internal/process"
)

// What may be done in another task's transaction reaches nobody but ourselves, whatever the
// settings are called; what may reach others never is.
func TestBriefStaysInTheHouse(t *testing.T) {
	w := newWorld(t)
	r := w.run()
	end := func(way string) params { return params{"messagingServer": way, "sessionField": "fidoSession"} }
	brief := map[string]func(way string) params{
		getOptions: optionsParams, start: startParams, create: createParams, keep: keepParams, "hermodSessionEndTask": end,
	}
	for name, h := range w.handlers {
		b, ok := h.(process.Brief)
		if !ok {
			continue
		}
		of, may := brief[name]
		if !may {
			if b.IsBrief(t.Context(), process.Work{Tenant: "acme"}) {
				t.Errorf("%s is brief, and nobody has said where it leads", name)
			}
			continue
		}
		for way, want := range map[string]bool{"ours": true, "other": false, "nowhere": false} {
			if got := b.IsBrief(t.Context(), r.work(name, of(way))); got != want {
				t.Errorf("%s at %s is brief: %v, want %v", name, way, got, want)
			}
		}
		if b.IsBrief(t.Context(), process.Work{Tenant: "acme"}) {
			t.Errorf("%s without parameters is brief", name)
		}
	}
}
