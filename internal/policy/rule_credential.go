package policy

import (
	"bestow.dev/cose"
	"bestow.dev/webauthn"
)

// algorithmsAllow: the credential key is of one of the algorithms.
func algorithmsAllow(r *Rules) *clause {
	if r.Algorithms == nil || r.Algorithms.Allow == nil {
		return nil
	}
	names := algorithmNames(r.Algorithms.Allow)
	return algorithmRule(either(names, "algorithms"), r.Algorithms.Allow, true, only(ofAlgorithm, names...))
}

// algorithmsDeny: it is of none of them.
func algorithmsDeny(r *Rules) *clause {
	if r.Algorithms == nil || r.Algorithms.Deny == nil {
		return nil
	}
	names := algorithmNames(r.Algorithms.Deny)
	return algorithmRule("not "+either(names, "algorithms"), r.Algorithms.Deny, false, limit{of: ofAlgorithm, never: names})
}

func algorithmRule(wanted string, numbers []int32, in bool, l limit) *clause {
	listed := set(numbers)
	return &clause{
		wanted: wanted,
		judge: func(e *Evidence) finding {
			return judgeIf(listed[int32(e.Algorithm.Canonical())] == in, e.Algorithm.String())
		},
		limits: []limit{l},
	}
}

// algorithmNames returns the names of algorithms that were checked.
func algorithmNames(numbers []int32) []string {
	names := make([]string, len(numbers))
	for i, n := range numbers {
		names[i] = cose.Algorithm(n).String()
	}
	return names
}

// userVerification: the authenticator verified its user.
func userVerification(r *Rules) *clause {
	return flag(flagRule{
		of: ofUserVerification, asked: r.UserVerification,
		isSet: func(e *Evidence) bool { return e.UserVerified },
		yes:   "user verified", no: "user not verified",
	})
}

// syncedPasskeys: the credential may leave its authenticator, flag BE.
func syncedPasskeys(r *Rules) *clause {
	c := flag(flagRule{
		of: ofEligible, asked: r.SyncedPasskeys,
		isSet: func(e *Evidence) bool { return e.BackupEligible },
		yes:   "a passkey that can be synced", no: "a passkey that stays on its device",
	})
	if r.SyncedPasskeys == Forbidden {
		c.limits = append(c.limits, limit{of: ofBackedUp, only: []string{no}, why: "what cannot be synced is not backed up"})
	}
	return c
}

// backedUp: the credential has left its authenticator, flag BS.
func backedUp(r *Rules) *clause {
	return flag(flagRule{
		of: ofBackedUp, asked: r.BackedUp,
		isSet: func(e *Evidence) bool { return e.BackedUp },
		yes:   "backed up", no: "not backed up",
	})
}

// flagRule is a rule about a flag that the authenticator signs.
type flagRule struct {
	of      aspect
	asked   Requirement
	isSet   func(*Evidence) bool
	yes, no string // in words
}

func flag(f flagRule) *clause {
	if f.asked == "" {
		return nil
	}
	want := f.asked == Required
	words := map[bool]string{true: f.yes, false: f.no}
	return &clause{
		wanted: words[want],
		judge:  func(e *Evidence) finding { return judgeIf(f.isSet(e) == want, words[f.isSet(e)]) },
		limits: []limit{only(f.of, yesOrNo(want))},
	}
}

// unsaid is for rules that rest on the client's word: nobody signs it, so its silence
// is no more of a sign than its word is a proof, and many clients are silent.
const unsaid = "the client does not say"

// residentKey: the credential can be used without naming it, by the client's word.
func residentKey(r *Rules) *clause {
	if r.ResidentKey == "" {
		return nil
	}
	want := r.ResidentKey == Required
	words := map[bool]string{true: "discoverable", false: "not discoverable"}
	return &clause{
		wanted: words[want],
		judge: func(e *Evidence) finding {
			if e.Discoverable == nil {
				return notJudged(unsaid)
			}
			return judgeIf(*e.Discoverable == want, words[*e.Discoverable])
		},
		limits: []limit{only(ofDiscoverable, yesOrNo(want))},
	}
}

// attachment: how the authenticator is attached, by the client's word.
func attachment(r *Rules) *clause {
	if r.Attachment == "" {
		return nil
	}
	want := webauthn.Attachment(r.Attachment)
	return &clause{
		wanted: r.Attachment,
		judge: func(e *Evidence) finding {
			if e.Attachment == "" {
				return notJudged(unsaid)
			}
			return judgeIf(e.Attachment == want, shown(string(e.Attachment)))
		},
		limits: []limit{only(ofAttachment, r.Attachment)},
	}
}
