package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// ask is the identity manager's part: a run of the process, and a link for Alice. The rest
// is between her and the server.
func (p *play) ask(ctx context.Context) (link string, err error) {
	s := p.t.begin(identityManager, ourAPI, "POST users")
	var alice user
	if err := p.manager.post(ctx, "/users", user{Name: userName, DisplayName: "Alice Example"}, &alice); err != nil {
		return "", s.failed(err)
	}
	s.done("API client " + managerID + " holds users.write; the user got a random handle")

	s = p.t.begin(identityManager, ourAPI, "POST process-runs: "+definition)
	started, err := p.manager.start(ctx, orderNumber, definition, userName)
	if err != nil {
		return "", s.failed(err)
	}
	p.run = started.ID
	s.done(fmt.Sprintf("run %s of version %d; Idempotency-Key %s: it is started once, however often it is asked for", started.ID, started.Version, orderNumber))

	s = p.t.begin(identityManager, ourAPI, "POST user-tasks/{id}/links")
	task, err := p.manager.taskOf(ctx, alice.ID)
	if err != nil {
		return "", s.failed(err)
	}
	var made struct {
		Link string `json:"link"`
	}
	if err := p.manager.post(ctx, "/user-tasks/"+url.PathEscape(task.ID)+"/links", struct{}{}, &made); err != nil {
		return "", s.failed(err)
	}
	s.done("the process asks Alice to \"" + task.Name + "\"; the link to it is hers alone and works once")
	return made.Link, nil
}

// atTheDesk is Alice's part: in her browser, at the desktop agent and with her key.
func (p *play) atTheDesk(ctx context.Context, link string) error {
	s := p.t.begin(alicesBrowser, taskPages, "POST task/link, GET task/{id}")
	path, err := p.browser.follow(ctx, link)
	if err != nil {
		return s.failed(err)
	}
	page, err := p.browser.page(ctx, path)
	if err != nil {
		return s.failed(err)
	}
	plugout, err := buttonOf(page)
	if err != nil {
		return s.failed(err)
	}
	s.done("the link is spent, its cookie is good for this task; the page has the plugout link, as a button")

	s = p.t.begin(alicesBrowser, desk, "open com.nexusgroup.plugout:///?url=…&token=…")
	visit, err := p.agent.open(ctx, plugout)
	if err != nil {
		return s.failed(err)
	}
	defer visit.close()
	waiting, err := visit.reaches(ctx, "match")
	if err != nil {
		return s.failed(err)
	}
	s.done("https, certificate, relay host on the allow list; the link's code is spent")

	if err := p.makeCredential(ctx, path, visit, waiting.MatchCode); err != nil {
		return err
	}
	return p.pressNext(ctx, path, visit)
}

// makeCredential follows the page while the key is at work. The codes are compared twice:
// here, for the story, and by the agent, which is told what the page shows.
func (p *play) makeCredential(ctx context.Context, path string, visit *visit, code string) error {
	s := p.t.begin(alicesBrowser, taskPages, "GET task/{id}/events")
	connected, err := p.browser.until(ctx, path, func(l live) bool { return l.Code != "" })
	if err != nil {
		return s.failed(err)
	}
	if connected.Code != code {
		return s.failed(errors.New("page and agent show different codes"))
	}
	s.done("page and agent show the same code, "+code+": they are in the same session", connected.Desk)

	s = p.t.begin(desk, securityKey, "makeCredential")
	if err := visit.tell(connected.Code); err != nil {
		return s.failed(err)
	}
	made, err := p.browser.until(ctx, path, func(l live) bool { return l.State == "done" })
	if err != nil {
		return s.failed(err)
	}
	s.done("relying party and origin are on the allow list; PIN, touch; a new key pair, with the key's attestation",
		"the answer is signed by a key of the set \"desks\"; the page says: "+made.Title+". "+made.Text)
	return nil
}

func (p *play) pressNext(ctx context.Context, path string, visit *visit) error {
	s := p.t.begin(alicesBrowser, taskPages, "POST task/{id}: Next")
	if err := p.browser.next(ctx, path); err != nil {
		return s.failed(err)
	}
	over, err := p.browser.until(ctx, path, func(l live) bool { return l.Go != "" })
	if err != nil {
		return s.failed(err)
	}
	if over.State != "ended" {
		return s.failed(fmt.Errorf("the run went another way: %s", over.Title))
	}
	if err := visit.wait(ctx); err != nil {
		return s.failed(err)
	}
	s.done("stored: WebAuthn Level 3 §7.1, all steps: challenge, origin, relying party, presence, PIN, key, signature",
		"the page says: "+over.Title+"; the agent's session is closed, and it has ended")
	return nil
}

// readCredential shows what there is of the credential now.
func (p *play) readCredential(ctx context.Context) error {
	s := p.t.begin(you, ourAPI, "GET credentials?userName="+userName)
	all, err := items[boundCredential](ctx, &p.setup, "/credentials", url.Values{"userName": {userName}})
	if err != nil {
		return s.failed(err)
	}
	if len(all) != 1 {
		return s.failed(fmt.Errorf("%s has %d credentials, not one", userName, len(all)))
	}
	c := all[0]
	s.done(fmt.Sprintf("attestation %s (%s), model %s", c.Attestation.Format, c.Attestation.Type, c.AAGUID),
		"provisioned by "+c.ProvisionedBy)
	return nil
}

// replay hands the answer of the key in once more, as somebody would who had read it.
func (p *play) replay(ctx context.Context, answer json.RawMessage) error {
	s := p.t.begin(you, digitalAccess, "POST /fido/credentials: the same answer once more")
	err := p.setup.storeCredential(ctx, userName, answer)
	switch {
	case err == nil:
		return s.failed(errors.New("a replayed answer was accepted"))
	case !strings.Contains(err.Error(), "challenge_unknown"):
		return s.failed(err)
	}
	s.done("refused: 410 CHALLENGE_EXPIRED, challenge_unknown: the ceremony was the run's, and is nobody else's")
	return nil
}

func (p *play) signIn(ctx context.Context) error {
	s := p.t.begin(website, ourAPI, "POST authentications")
	var begun authentication
	in := map[string]any{"relyingParty": relyingParty, "user": map[string]string{"name": userName}}
	if err := p.website.post(ctx, "/authentications", in, &begun); err != nil {
		return s.failed(err)
	}
	s.done("request options with a fresh challenge; API client " + websiteID + " holds fido.authenticate, and that is all")

	s = p.t.begin(alicesBrowser, securityKey, "bestow-agent assert: PIN, touch")
	response, err := p.agent.run(ctx, strings.NewReader(string(begun.PublicKey)),
		"assert", "--dir", p.agent.home, "--softkey", p.agent.keyFile(), "--secrets-fd", "3", "--yes", "--origin", p.server.URL)
	if err != nil {
		return s.failed(err)
	}
	s.done("the key signed with the new credential")

	s = p.t.begin(website, ourAPI, "POST authentications/{id}/finish")
	var done signIn
	if err := p.website.call(ctx, request{
		method: http.MethodPost, path: apiRoot + "/authentications/" + url.PathEscape(begun.ID) + "/finish",
		body: map[string]any{"response": json.RawMessage(response)}, want: http.StatusOK, out: &done,
	}); err != nil {
		return s.failed(err)
	}
	if done.User.Name != userName || !done.UserVerified {
		return s.failed(fmt.Errorf("signed in as %q, verified: %v", done.User.Name, done.UserVerified))
	}
	s.done("WebAuthn Level 3 §7.2, all steps; signature counter "+fmt.Sprint(done.Credential.SignCount),
		"signed in: "+done.User.Name)
	return nil
}

func (p *play) readAudit(ctx context.Context) error {
	s := p.t.begin(you, ourAPI, "GET audit-events")
	trail, err := items[event](ctx, &p.setup, "/audit-events", nil)
	if err != nil {
		return s.failed(err)
	}
	if len(trail) == 0 {
		return s.failed(errors.New("the audit trail is empty"))
	}
	lines := []string{fmt.Sprintf("%d events in one hash chain:", len(trail))}
	for _, e := range trail {
		lines = append(lines, fmt.Sprintf("%3d  %-26s %-43s %-13s %s", e.Seq, e.Action, e.Actor.Kind+":"+e.Actor.ID, e.Via, e.Outcome))
	}
	s.done(lines...)
	return nil
}
