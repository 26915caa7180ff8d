package native

import (
	"net/http"
	"slices"

	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// viewAnswer is a list of refunds of the console that a user has kept.
type viewAnswer struct {
	Name string `json:"name"`
	// Query are the parameters of /console/refunds.
	Query     string `json:"query"`
	CreatedAt moment `json:"created_at"`
}

func answerView(v merchant.View) viewAnswer { return viewAnswer{v.Name, v.Query, moment(v.CreatedAt)} }

// listViews returns the lists that a user has kept, by name: GET /users/{id}/views. They
// are few, so there is one page.
func (d *Dialect) listViews(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	views, err := d.s.Admin.UserViews(c.ctx, id, c.userBounds())
	if err != nil {
		return err
	}
	out := list[viewAnswer]{Data: make([]viewAnswer, len(views))}
	for n, v := range views {
		out.Data[n] = answerView(v)
	}
	return c.json(http.StatusOK, out)
}

// saveView keeps a list for a user, in the place of one with its name: POST
// /users/{id}/views.
func (d *Dialect) saveView(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var name, query string
	if err := body.read(required("name", body.filled(&name, merchant.MaxViewName)), required("query", body.text(&query, merchant.MaxViewQuery))); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	v, err := d.s.Admin.SaveView(c.ctx, c.by(), id, c.userBounds(), name, query)
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, answerView(v))
}

// viewRemoved is what is left to say of a list.
type viewRemoved struct {
	Name    string `json:"name"`
	Removed bool   `json:"removed"`
}

// dropView forgets a list of a user; again it is the same: DELETE
// /users/{id}/views/{name}.
func (d *Dialect) dropView(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err == nil {
		err = d.s.Admin.DropView(c.ctx, c.by(), id, c.userBounds(), c.r.PathValue("name"))
	}
	if err != nil {
		return err
	}
	return d.againViewDropped(c, refund.Write{})
}

func (d *Dialect) againViewSaved(c *call, w refund.Write) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	views, err := d.s.Admin.UserViews(c.ctx, w.Made, c.userBounds())
	if err != nil {
		return err
	}
	name, _ := body.top.Get("name")
	at := slices.IndexFunc(views, func(v merchant.View) bool { return v.Name == name.Text })
	if at < 0 {
		return refund.Errorf(refund.KindNotFound, "name", "the user has no such list any more")
	}
	return c.json(http.StatusOK, answerView(views[at]))
}

func (d *Dialect) againViewDropped(c *call, _ refund.Write) error {
	return c.json(http.StatusOK, viewRemoved{c.r.PathValue("name"), true})
}
