package relay

import (
	"time"

	"bestow.dev/internal/plugout"
	"bestow.dev/internal/tenant"
)

// This file has the commands that the relay carries out itself. They are completed
// in the transaction that accepts them; their callback follows.

// endSession closes the session that the command names. The agent learns of it by
// its next call.
func (o *order) endSession(d *Draft) error {
	if o.fresh || len(o.to) != 1 {
		return ErrInvalidHeader.At("to").Saying("to is the box of the session to end")
	}
	d.Targets = o.targets()
	if d.Targets[0].User != "" {
		return ErrNoSuchDestination.At("to")
	}
	o.carryOut(d, func(boxes []PlacedBox, _ *Stored) error {
		for i := range boxes {
			switch b := &boxes[i].Box; {
			case !o.reaches(b) || b.Kind == ProfileBox:
				return ErrNoSuchDestination.At("to")
			case b.Over(o.now):
				return ErrSessionEnded
			}
		}
		return nil
	}, actionClosed)
	return nil
}

// deleteCommand is the object of DELETE.
type deleteCommand struct {
	UserID       string       `json:"userid"`
	ProfileID    string       `json:"profileid"` // id of a profile box
	Confirmation plugout.Flag `json:"confirmation"`
}

// deleteBoxes removes profile boxes: the one the command names, or all of the
// user's. Where its header sends it counts for nothing. With confirmation that is
// for the device to do: the command goes where the header says, or else to the boxes
// concerned, and deleteBoxes reports false.
func (o *order) deleteBoxes(d *Draft, c *Command) (carriedOut bool, err error) {
	var object deleteCommand
	if err := decodeObject(c.Object, &object); err != nil {
		return false, err
	}
	concerned := ToUser + object.UserID
	if object.ProfileID != "" {
		concerned = object.ProfileID
	}
	if concerned == ToUser {
		return false, ErrInvalidCommand.At("userid").Saying("userid or profileid says what to delete")
	}
	if object.Confirmation && len(c.Header.To) > 0 {
		return false, nil
	}
	named := Header{To: []string{concerned}}
	if o.to, o.fresh, err = named.destinations(); err != nil || o.fresh {
		return false, ErrNoSuchDestination.At("profileid")
	}
	if object.Confirmation {
		return false, nil
	}
	d.Targets = o.targets()
	o.carryOut(d, func(boxes []PlacedBox, _ *Stored) error {
		for i := range boxes {
			b := &boxes[i].Box
			if !o.reaches(b) || b.Kind != ProfileBox || b.Over(o.now) || object.UserID != "" && b.User != object.UserID {
				return ErrNoSuchDestination
			}
		}
		return nil
	}, actionProfileGone)
	return true, nil
}

// carryOut completes the command as it is stored: the boxes that judge lets pass are
// closed.
func (o *order) carryOut(d *Draft, judge func([]PlacedBox, *Stored) error, action string) {
	d.Command.State = Completed
	d.Command.Ending = Ending{Status: plugout.StatusOK, Ended: o.now}
	d.Place = func(boxes []PlacedBox, c *Stored) error {
		if err := judge(boxes, c); err != nil {
			return err
		}
		c.Destinations, o.closings = nil, nil
		for _, b := range boxes {
			c.Destinations = append(c.Destinations, StoredDestination{To: b.To, Box: b.Box.ID})
			if b.Box.Kind != ProfileBox {
				c.Session = b.Box.By // its callback follows that of the session
			}
			o.closings = append(o.closings, o.relay.closing(o.by, b.Box.ID, o.now, action, plugout.StatusSessionEnded))
		}
		return nil
	}
	d.Closings = func() []Closing { return o.closings }
}

// closing ends a box, and the commands in it with the given status.
func (s *Service) closing(by tenant.Authority, box string, at time.Time, action string, status plugout.Status) Closing {
	return Closing{Box: box, At: at, Status: status, ClosedEvent: boxEvent(by, at, action), EndedEvent: ended(by), Told: s.ended}
}
