package hermod

import (
	"net/http"

	"bestow.dev/internal/relay"
	"bestow.dev/internal/web"
)

// send takes a command: POST command/{name}. A name that is none is told before
// the body is read.
func (f *front) send(w http.ResponseWriter, r *http.Request, client *relay.Client) error {
	kind, err := relay.KindNamed(r.PathValue("id"))
	if err != nil {
		return err
	}
	if !web.IsJSON(r) {
		return web.ErrNotJSON
	}
	body, err := web.ReadBody(w, r, 0)
	if err != nil {
		return err
	}
	command, err := parseCommand(body, kind)
	if err != nil {
		return err
	}
	receipt, err := f.Relay.Send(r.Context(), web.Authority(r), client, command)
	if err != nil {
		return err
	}
	if f.Trace {
		web.Log(r.Context()).Info("command taken", "command", receipt.ID.String(), "type", receipt.Type, "client", client.ID)
	}
	web.WriteJSON(w, http.StatusOK, fromReceipt(receipt))
	return nil
}

// poll tells where a command is: GET command/{commandId}.
func (f *front) poll(w http.ResponseWriter, r *http.Request, client *relay.Client) error {
	id, err := relay.ParseCommandID(r.PathValue("id"))
	if err != nil {
		return err
	}
	report, err := f.Relay.Poll(r.Context(), web.Authority(r), client, id)
	if err != nil {
		return err
	}
	document, err := fromReport(report)
	if err != nil {
		return err
	}
	web.WriteJSON(w, http.StatusOK, document)
	return nil
}

// cancel ends a command that nobody has answered: DELETE command/{commandId}.
func (f *front) cancel(w http.ResponseWriter, r *http.Request, client *relay.Client) error {
	id, err := relay.ParseCommandID(r.PathValue("id"))
	if err != nil {
		return err
	}
	if err := f.Relay.Cancel(r.Context(), web.Authority(r), client, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
