package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

func (p *play) takeOptions(ctx context.Context) (creationOptions, error) {
	var none creationOptions
	s := p.t.begin(identityManager, ourAPI, "POST /api/v1/users")
	if _, err := p.manager.createUser(ctx, user{Name: userName, DisplayName: "Alice Example"}); err != nil {
		return none, s.failed(err)
	}
	s.done("API client " + clientID + " holds users.write; the user got a random handle")

	s = p.t.begin(identityManager, digitalAccess, "POST /oauth2/token")
	if err := p.manager.takeAccessToken(ctx); err != nil {
		return none, s.failed(err)
	}
	s.done("the client's secret, compared in constant time; a token for ten minutes")

	s = p.t.begin(identityManager, digitalAccess, "GET /fido/options?userId="+userName)
	options, err := p.manager.creationOptions(ctx, userName)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("scope fido.provision for relying party "+relyingParty, "a ceremony was opened, good once, for five minutes")
	return options, nil
}

// createAtTheDesk is the part that no server can do alone: through the relay to the
// agent, from there to the key, and back.
func (p *play) createAtTheDesk(ctx context.Context, options creationOptions) (outcome, error) {
	var none outcome
	s := p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/sessionstart")
	session, err := p.manager.startSession(ctx, userName)
	if err != nil {
		return none, s.failed(err)
	}
	box := session.Destinations[0].BID
	s.done("a message box, and a plugout link that opens it once")

	s = p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/fidocreatecredential")
	create, err := p.manager.createCredential(ctx, box, options.PublicKey)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("the options are complete; the command waits in the box until someone opens the link")

	s = p.t.begin(you, desk, "open com.nexusgroup.plugout:///?url=…&token=…")
	visit, err := p.agent.open(ctx, session.Destinations[0].URI)
	if err != nil {
		return none, s.failed(err)
	}
	defer visit.close()
	started, err := p.callbacks.wait(ctx, session.CommandID, visit.ended)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("https, certificate, relay host on the allow list; the link's code is spent",
		fmt.Sprintf("callback sessionstart: %s %s on %s, answer signature %s",
			started.Started.App, started.Started.Version, started.Started.OS, started.Signature.State))

	s = p.t.begin(desk, securityKey, "makeCredential")
	created, err := p.callbacks.wait(ctx, create.CommandID, visit.ended)
	if err != nil {
		return none, s.failed(err)
	}
	s.done("relying party and origin are on the allow list; PIN, touch; a new key pair, with the key's attestation",
		"callback fidocreatecredential: answer signature "+created.Signature.State+", same installation as the session's")

	s = p.t.begin(identityManager, relayFront, "POST /hermod/rest/command/sessionend")
	if err := p.manager.endSession(ctx, box); err != nil {
		return none, s.failed(err)
	}
	if err := visit.wait(ctx); err != nil {
		return none, s.failed(err)
	}
	s.done("the agent has ended")
	return created, nil
}

func (p *play) storeCredential(ctx context.Context, created outcome) error {
	s := p.t.begin(identityManager, digitalAccess, "POST /fido/credentials")
	stored, err := p.manager.storeCredential(ctx, userName, keyName, created.Created.Credential)
	if err != nil {
		return s.failed(err)
	}
	s.done("WebAuthn Level 3 §7.1, all steps: challenge, origin, relying party, presence, PIN, key, signature",
		fmt.Sprintf("attestation %s (%s), model %s, bound to %s, provisioned by %s",
			stored.Attestation.Fmt, stored.Attestation.Type, stored.AAGUID, stored.UserID, stored.ProvisionedBy))

	s = p.t.begin(identityManager, digitalAccess, "POST /fido/credentials, the same answer once more")
	if _, err := p.manager.storeCredential(ctx, userName, keyName, created.Created.Credential); err == nil {
		return s.failed(errors.New("a replayed answer was accepted"))
	} else if !strings.Contains(err.Error(), "challenge_used") {
		return s.failed(err)
	}
	s.done("refused: 410 CHALLENGE_EXPIRED, challenge_used")
	return nil
}

func (p *play) signIn(ctx context.Context) error {
	s := p.t.begin(identityManager, ourAPI, "POST /api/v1/authentications")
	begun, err := p.manager.beginAuthentication(ctx, userName)
	if err != nil {
		return s.failed(err)
	}
	s.done("request options with a fresh challenge")

	s = p.t.begin(you, securityKey, "bestow-agent assert: PIN, touch")
	response, err := p.agent.run(ctx, strings.NewReader(string(begun.PublicKey)),
		"assert", "--dir", p.agent.home, "--softkey", p.agent.keyFile(), "--secrets-fd", "3", "--yes", "--origin", p.server.URL)
	if err != nil {
		return s.failed(err)
	}
	s.done("the key signed with the new credential")

	s = p.t.begin(identityManager, ourAPI, "POST /api/v1/authentications/{id}/finish")
	done, err := p.manager.finishAuthentication(ctx, begun.ID, response)
	if err != nil {
		return s.failed(err)
	}
	if done.User.Name != userName {
		return s.failed(fmt.Errorf("signed in as %q", done.User.Name))
	}
	s.done("WebAuthn Level 3 §7.2, all steps; signature counter "+fmt.Sprint(done.Credential.SignCount),
		"signed in: "+done.User.Name+" with \""+done.Credential.Name+"\"")
	return nil
}

func (p *play) readAudit(ctx context.Context) error {
	s := p.t.begin(identityManager, ourAPI, "GET /api/v1/audit-events")
	trail, err := p.manager.auditTrail(ctx)
	if err != nil {
		return s.failed(err)
	}
	if len(trail) == 0 {
		return s.failed(errors.New("the audit trail is empty"))
	}
	lines := []string{fmt.Sprintf("%d events in one hash chain:", len(trail))}
	for _, e := range trail {
		lines = append(lines, fmt.Sprintf("%3d  %-32s %-26s via %s %s", e.Seq, e.Action, e.Actor.Kind+":"+e.Actor.ID, e.Via, e.Outcome))
	}
	s.done(lines...)
	return nil
}
