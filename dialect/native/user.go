package native

import (
	"net/http"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/wire/exactjson"
)

// userAnswer is a user of the console, as far as the merchant manages them: all of
// the user's roles are of this merchant.
type userAnswer struct {
	ID    string          `json:"id"`
	Email string          `json:"email"`
	Name  string          `json:"name"`
	Roles []merchant.Role `json:"roles"`
	TOTP  bool            `json:"totp"`
	// PasswordBy is who else than the user set the password last, null for nobody, and
	// Behind who may act as the user, so that they don't count as another person.
	PasswordBy *actorAnswer  `json:"password_by"`
	PasswordAt moment        `json:"password_at"` // null: by the user alone
	Behind     []actorAnswer `json:"behind"`
	CreatedAt  moment        `json:"created_at"`
	DisabledAt moment        `json:"disabled_at"` // null: may sign in
	// Password is that which was made, only in the answer of the call that made it.
	Password string `json:"password,omitempty"`
}

func (d *Dialect) answerUser(u merchant.User, password string) userAnswer {
	out := userAnswer{
		u.ID, u.Email, u.Name,
		[]merchant.Role{},
		u.TOTP, answerActor(u.PasswordBy.First()), moment(u.PasswordAt),
		[]actorAnswer{},
		moment(u.CreatedAt), moment(u.DisabledAt), password,
	}
	for _, a := range u.Behind(d.now()).Actors() {
		out.Behind = append(out.Behind, *answerActor(a))
	}
	for _, g := range u.Grants {
		out.Roles = append(out.Roles, g.Role)
	}
	return out
}

// userBounds are those of the key that asks.
func (c *call) userBounds() admin.UserBounds {
	return admin.UserBounds{MerchantID: c.merchantID(), Key: &c.caller.Key}
}

// grants are roles of the merchant that asks.
func (c *call) grants(roles []merchant.Role) []merchant.Grant {
	grants := make([]merchant.Grant, len(roles))
	for n, role := range roles {
		grants[n] = merchant.Grant{Role: role, MerchantID: c.merchantID()}
	}
	return grants
}

// listUsers returns the users of the console whose roles are all of the merchant:
// GET /users. They are few, so there is one page.
func (d *Dialect) listUsers(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	users, err := d.s.Admin.UsersWithin(c.ctx, c.userBounds())
	if err != nil {
		return err
	}
	out := list[userAnswer]{Data: make([]userAnswer, len(users))}
	for n, u := range users {
		out.Data[n] = d.answerUser(u, "")
	}
	return c.json(http.StatusOK, out)
}

// getUser returns one of them: GET /users/{id}.
func (d *Dialect) getUser(c *call) error {
	if _, err := c.query(); err != nil {
		return err
	}
	return d.showUser(c, "")
}

func (d *Dialect) showUser(c *call, password string) error {
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	u, err := d.s.Admin.UserWithin(c.ctx, id, c.userBounds())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, d.answerUser(u, password))
}

func roleList(body *decoder, to *[]merchant.Role) func(exactjson.Value, string) {
	return body.list(len(merchant.Roles()), func(v exactjson.Value, path string) {
		var role merchant.Role
		oneOf(body, &role, merchant.Roles()...)(v, path)
		*to = append(*to, role)
	})
}

// createUser makes a user, whose password is shown once where none is given:
// POST /users.
func (d *Dialect) createUser(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var roles []merchant.Role
	in := admin.NewUser{Bounds: c.userBounds()}
	err = body.read(
		required("email", body.filled(&in.Email, maxText)),
		optional("name", body.text(&in.Name, maxText)),
		required("roles", roleList(body, &roles)),
		optional("password", body.filled(&in.Password, maxText)),
	)
	if err != nil {
		return err
	}
	if len(roles) == 0 {
		return refuse(refund.KindInvalid, "roles", "is empty: a user without a role is nobody's")
	}
	in.Grants = c.grants(roles)
	u, made, err := d.s.Admin.AddUser(c.ctx, c.by(), in)
	if err != nil {
		return err
	}
	return c.json(http.StatusCreated, d.answerUser(u, made))
}

// changeUser gives a user other roles: PATCH /users/{id}.
func (d *Dialect) changeUser(c *call) error {
	body, err := c.keyedBody()
	if err != nil {
		return err
	}
	var roles []merchant.Role
	if err := body.read(required("roles", roleList(body, &roles))); err != nil {
		return err
	}
	if len(roles) == 0 {
		return refuse(refund.KindInvalid, "roles", "is empty: disable or delete the user instead")
	}
	return d.actOnUser(c, func(id string) error {
		_, err := d.s.Admin.ChangeRoles(c.ctx, c.by(), id, c.userBounds(), c.grants(roles))
		return err
	})
}

// actOnUser does an action on the user of the address, and shows them then.
func (d *Dialect) actOnUser(c *call, act func(id string) error) error {
	id, err := c.id(refund.KindNotFound)
	if err == nil {
		err = act(id)
	}
	if err != nil {
		return err
	}
	return d.showUser(c, "")
}

// userAct is a handler without members: POST /users/{id}/disable and its like.
func (d *Dialect) userAct(act func(c *call, id string) error) handler {
	return func(c *call) error {
		if err := c.noMembers(); err != nil {
			return err
		}
		return d.actOnUser(c, func(id string) error { return act(c, id) })
	}
}

func (d *Dialect) disableUser(c *call, id string) error {
	_, err := d.s.Admin.DisableUser(c.ctx, c.by(), id, c.userBounds())
	return err
}

func (d *Dialect) enableUser(c *call, id string) error {
	_, err := d.s.Admin.EnableUser(c.ctx, c.by(), id, c.userBounds())
	return err
}

func (d *Dialect) signOutUser(c *call, id string) error {
	_, err := d.s.Admin.EndSessions(c.ctx, c.by(), id, c.userBounds(), "", "")
	return err
}

func (d *Dialect) resetUserTOTP(c *call, id string) error {
	return d.s.Admin.ResetTOTP(c.ctx, c.by(), id, c.userBounds())
}

// resetPassword makes another password, which is shown once: POST /users/{id}/password.
func (d *Dialect) resetPassword(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err != nil {
		return err
	}
	made, err := d.s.Admin.ResetPassword(c.ctx, c.by(), id, c.userBounds(), "")
	if err != nil {
		return err
	}
	return d.showUser(c, made)
}

// userRemoved is what is left to say of a user.
type userRemoved struct {
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

// deleteUser removes a user: DELETE /users/{id}.
func (d *Dialect) deleteUser(c *call) error {
	if err := c.noMembers(); err != nil {
		return err
	}
	id, err := c.id(refund.KindNotFound)
	if err == nil {
		err = d.s.Admin.RemoveUser(c.ctx, c.by(), id, c.userBounds())
	}
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, userRemoved{id, true})
}

func (d *Dialect) againUserMade(c *call, w refund.Write) error {
	u, err := d.s.Admin.UserWithin(c.ctx, w.Made, c.userBounds())
	if err != nil {
		return err
	}
	return c.json(http.StatusOK, d.answerUser(u, w.Secret))
}

func (d *Dialect) againUserRemoved(c *call, w refund.Write) error {
	return c.json(http.StatusOK, userRemoved{w.Made, true})
}
