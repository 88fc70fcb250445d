package processes

import (
	"errors"
	"io"
	"net/http"
	"net/url"

	"bestow.dev/internal/bpmn"
	"bestow.dev/internal/console"
	"bestow.dev/internal/process"
	"bestow.dev/internal/web"
)

// maxDefinitionBytes bounds a definition that is deployed here.
const maxDefinitionBytes = 1 << 20

type deployPage struct {
	XML         string
	SelfService bool
	Problem     *problem
	Problems    []*bpmn.DefinitionError // by line
	MayForce    bool                    // the one refusal there was can be overridden
}

func (d *door) deployForm(w http.ResponseWriter, _ *http.Request, o *console.Operator) error {
	return show(w, o, console.View{Name: "deploy.html", Title: "deploy.title", Data: deployPage{}})
}

// deploy takes a definition from a file or the text field. One that is refused is shown
// again, with everything that is wrong with it.
func (d *door) deploy(w http.ResponseWriter, r *http.Request, o *console.Operator) error {
	if err := readPost(w, r); err != nil {
		return err
	}
	text, err := definitionFrom(r)
	if err != nil {
		return err
	}
	p := deployPage{XML: string(text), SelfService: r.PostForm.Has("self-service")}
	done, err := d.Processes.Deploy(r.Context(), o.By, process.Deploy{XML: text, SelfService: p.SelfService, Force: r.PostForm.Has("force")})
	if err != nil {
		if p.Problem, err = refused(r, o, err); err != nil {
			return err
		}
		return d.showRefused(w, r, o, p)
	}
	how := "same"
	if done.Added {
		how = "new"
	}
	http.Redirect(w, r, definitionsPath+"/"+url.PathEscape(done.Version.Key)+"?deployed="+how, http.StatusSeeOther)
	return nil
}

// showRefused shows a definition that was refused, with its problems by line.
func (d *door) showRefused(w http.ResponseWriter, _ *http.Request, o *console.Operator, p deployPage) error {
	if _, err := bpmn.Parse([]byte(p.XML)); err != nil {
		if all, ok := errors.AsType[bpmn.DefinitionErrors](err); ok {
			p.Problems, p.Problem.Detail = all, ""
		}
	}
	p.MayForce = p.Problem.Code == process.ErrNotAsync.Code
	return show(w, o, console.View{Name: "deploy.html", Title: "deploy.title", Data: p, Status: p.Problem.status})
}

// definitionFrom returns the definition that a form brings: the file, or else the text.
func definitionFrom(r *http.Request) ([]byte, error) {
	text := []byte(r.PostFormValue("xml"))
	if file, header, err := r.FormFile("file"); err == nil && header.Size > 0 {
		defer file.Close()
		if text, err = io.ReadAll(io.LimitReader(file, maxDefinitionBytes+1)); err != nil {
			return nil, web.ErrInterrupted.Because(err)
		}
	}
	if len(text) > maxDefinitionBytes {
		return nil, web.ErrTooLarge
	}
	return text, nil
}
