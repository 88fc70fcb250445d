package processes

import (
	"net/http"
	"strings"

	"bestow.dev/internal/console"
)

// retry has a job tried again that failed too often.
func (d *door) retry(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.help(w, r, o, func(t typed) error { return d.Processes.Retry(r.Context(), o.By, t.Job) })
}

// skip has the run go on as if the job were done.
func (d *door) skip(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.help(w, r, o, func(t typed) error {
		outputs, err := readVariables(t.Outputs)
		if err != nil {
			return err
		}
		_, err = d.Processes.Skip(r.Context(), o.By, t.Job, outputs)
		return err
	})
}

// end ends the run.
func (d *door) end(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	return d.help(w, r, o, func(t typed) error {
		_, err := d.Processes.Cancel(r.Context(), o.By, r.PathValue("id"), t.Reason)
		return err
	})
}

// help does something about a run and leads back to it. What was refused is told there,
// beside what was typed.
func (d *door) help(w http.ResponseWriter, r *http.Request, o *console.Operator, do func(typed) error) error {
	if err := console.ReadForm(w, r, maxFormBytes); err != nil {
		return err
	}
	t := typed{r.PostForm.Get("job"), r.PostForm.Get("outputs"), strings.TrimSpace(r.PostForm.Get("reason"))}
	err := do(t)
	if err == nil {
		http.Redirect(w, r, runURL(r.PathValue("id")), http.StatusSeeOther)
		return nil
	}
	trouble, err := refused(r, o, err)
	if err != nil {
		return err
	}
	return d.showRun(w, r, o, trouble, t)
}
