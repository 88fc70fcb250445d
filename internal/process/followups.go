package process

import "encoding/json"

// followUps are the jobs of a change that this node does at once: they are stored with
// its claim, so that no other one looks at them.
type followUps struct {
	s      *Service
	next   *handover   // for the caller, who is free
	others []*handover // for whom a hand was taken
}

// claimOwn claims what is due of the jobs of a change and of those with it, as far as this node
// has hands free. A caller that is spare does one of them.
func (s *Service) claimOwn(c *Change, spare bool) *followUps {
	f := &followUps{s: s}
	f.claim(c, spare)
	return f
}

func (f *followUps) claim(c *Change, spare bool) {
	for i := range c.Jobs {
		j := &c.Jobs[i]
		if j.Due.After(c.Run.Updated) {
			continue
		}
		mine := spare && f.next == nil
		if !mine && !f.s.hands.take() {
			continue
		}
		j.Claim, j.ClaimedBy, j.Attempt, j.Due = 1, f.s.node, 1, j.Due.Add(lease)
		own := *j
		h := &handover{job: &own, run: c.Run}
		if mine {
			f.next = h
			continue
		}
		f.others = append(f.others, h)
	}
	for _, w := range c.With {
		f.claim(w, spare)
	}
}

// start has the jobs done that others do, once they are stored, and returns the caller's.
// secrets are those of the runs that are known.
func (f *followUps) start(secrets map[string]json.RawMessage) *handover {
	if f == nil {
		return nil
	}
	for _, h := range f.others {
		h.secrets = secrets
		go f.s.workOn(h)
	}
	if f.next != nil {
		f.next.secrets = secrets
	}
	return f.next
}

// drop gives up the jobs, which were not stored.
func (f *followUps) drop() {
	if f == nil {
		return
	}
	for range f.others {
		f.s.hands.give()
	}
}
