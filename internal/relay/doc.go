// Package relay carries commands to desktop agents that no server can reach, and
// their answers back.
//
// An API client sends a command. It waits in a message box until an agent, which
// was given the box's link, opens the box, fetches the command and answers it:
//
//	receipt, err := svc.Send(ctx, by, client, relay.Command{Type: plugout.SessionStart, …})
//	// receipt.Destinations[0].URI is the link for the person at the desk
//
//	session, err := svc.OpenSession(ctx, relay.Redemption{Box: box, Token: token, …})
//	items, err := svc.Messages(ctx, desk, 25*time.Second)
//	message, err := svc.Fetch(ctx, desk, items[0].MessageID)
//	err = svc.Answer(ctx, desk, message.MessageID, relay.Answer{…})
//
//	report, err := svc.Poll(ctx, by, client, receipt.ID)
//
// The client learns of the outcome by a callback, and by polling. [Service.Run]
// is what makes deadlines and callbacks happen; a server runs it once.
//
// # Promises
//
// A command ends once: an answer, its timeout, a cancellation and the end of its
// session may race on any number of nodes, and one of them wins. Its client gets
// one callback for it, repeated only where a node died while delivering.
//
// Nothing is kept in memory but who waits: a node may be killed at any moment and
// another, or the same one later, goes on. Deadlines are stored and judged when
// they are read, so that a command is over when its time is over, whether or not
// a timer has said so yet.
//
// Stored times are those of the wall clock. Set forward, it ends at once what would
// have ended meanwhile; set back, what waits goes on waiting until the clock is there
// again, callbacks between two tries included. Neither ends anything twice, nor tells
// of it twice: nothing is ordered by time. The clocks of several nodes have to agree
// to a few seconds.
//
// A session's callback precedes those of its commands. Where a command's timeout
// equals its lifespan the timeout comes first.
//
// # Boxes
//
// A temporary box is made by a command sent to [ToTemporary]. It belongs to the
// client that made it, and lives as long as that command's lifespan; it closes
// early if that command ends unanswered. A box made by a session start is a
// session: nothing else in it is shown to the agent before the start is answered,
// and if the start fails everything queued behind it is cancelled at once.
//
// A temporary box in which a provision command for a user was answered with
// success becomes a profile box: it belongs to that user within the client's
// group, outlives the command, and is addressed by its id or by [ToUser] until a
// delete command removes it. Its token dies and its session secret stays good.
//
// # Not done here
//
// The package speaks neither HTTP nor SQL. It does not verify what a security key
// made: that is for the relying party the credential is for. Encrypted messages,
// push notifications and PIN reset commands are not part of it.
package relay
