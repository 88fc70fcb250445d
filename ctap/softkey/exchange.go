package softkey

import (
	"bytes"
	"context"
	"errors"

	"bestow.dev/ctap"
)

// maxMessageBytes is the longest request (getInfo member 05). A list of the most and
// longest ids that the key takes fits.
const maxMessageBytes = 4096

// exchange is one command under way.
type exchange struct {
	*Key
	ctx       context.Context
	command   ctap.Command
	keepAlive func(ctap.KeepAlive)
}

// Exchange implements [ctap.Device].
func (k *Key) Exchange(ctx context.Context, request []byte, keepAlive func(ctap.KeepAlive)) ([]byte, error) {
	select {
	case <-k.turn:
	case <-ctx.Done():
		return []byte{byte(ctap.StatusKeepAliveCancel)}, nil
	}
	defer k.release()
	if k.closed {
		return nil, ErrClosed
	}
	if keepAlive == nil {
		keepAlive = func(ctap.KeepAlive) {}
	}
	switch {
	case len(request) == 0:
		return []byte{byte(ctap.StatusInvalidLength)}, nil
	case len(request) > maxMessageBytes:
		return []byte{byte(ctap.StatusRequestTooLarge)}, nil
	}
	x := &exchange{Key: k, ctx: ctx, command: ctap.Command(request[0]), keepAlive: keepAlive}
	body, err := x.run(bytes.Clone(request[1:])) // parts of it outlive the call
	if status, ok := errors.AsType[ctap.Status](err); ok {
		return []byte{byte(status)}, nil
	}
	if err != nil { // the state could not be saved: there is no answer
		return nil, err
	}
	return k.forged(x.command, append([]byte{byte(ctap.StatusOK)}, body...)), nil
}

// forged spoils the answers that Forge.Answer is for.
func (k *Key) forged(cmd ctap.Command, answer []byte) []byte {
	switch cmd {
	case ctap.CommandMakeCredential, ctap.CommandGetAssertion, ctap.CommandGetNextAssertion:
		if k.forge.Answer != nil {
			return k.forge.Answer(answer)
		}
	}
	return answer
}

// run executes one command. Its error is a [ctap.Status], or that of Config.Save.
func (x *exchange) run(body []byte) ([]byte, error) {
	x.power.expire(x.config.Now())
	// Any other command ends the way through further assertions (CTAP 2.1 §6.3), or
	// credentials (§6.8.3).
	if x.command != ctap.CommandGetNextAssertion {
		x.power.next = nil
	}
	if x.command != ctap.CommandCredentialManagement {
		x.power.managing = nil
	}
	switch x.command {
	case ctap.CommandMakeCredential:
		return x.makeCredential(body)
	case ctap.CommandGetAssertion:
		return x.getAssertion(body)
	case ctap.CommandGetNextAssertion:
		return x.getNextAssertion()
	case ctap.CommandGetInfo:
		return x.getInfo(), nil
	case ctap.CommandClientPIN:
		return x.clientPIN(body)
	case ctap.CommandReset:
		return nil, x.reset()
	case ctap.CommandSelection:
		return nil, x.touch(Request{Command: x.command}, ctap.StatusUserActionTimeout)
	case ctap.CommandCredentialManagement:
		return x.credentialManagement(body)
	}
	return nil, ctap.StatusInvalidCommand
}

// touch waits for user presence. timeout is the status for nobody coming.
func (x *exchange) touch(r Request, timeout ctap.Status) error {
	x.keepAlive(ctap.KeepAliveUserPresence)
	err := x.config.UserPresence(x.ctx, r)
	switch {
	case err == nil:
		return nil
	case x.ctx.Err() != nil: // CTAPHID_CANCEL
		return ctap.StatusKeepAliveCancel
	case errors.Is(err, context.DeadlineExceeded):
		return timeout
	}
	return ctap.StatusOperationDenied
}

// reset erases the key (CTAP 2.1 §6.6). Without a display a key cannot say what the
// touch would do, so it takes the command only right after it was plugged in.
func (x *exchange) reset() error {
	if x.config.Now().Sub(x.power.since) > resetWindow {
		return ctap.StatusNotAllowed
	}
	if err := x.touch(Request{Command: x.command}, ctap.StatusUserActionTimeout); err != nil {
		return err
	}
	next := x.state.copy()
	next.erase()
	if err := x.commit(next); err != nil {
		return err
	}
	since := x.power.since
	x.power = switchOn(since) // new tokens and key agreement keys
	return nil
}
