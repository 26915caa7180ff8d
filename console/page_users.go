package console

import (
	"strings"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
)

// userForm is what a new user is made of.
type userForm struct {
	Email    string `form:"email"`
	Name     string `form:"name"`
	Role     string `form:"role"`
	Merchant string `form:"role_merchant"`
}

type usersData struct {
	Users []merchant.User
	Form  userForm
	Roles []merchant.Role
	// All says that roles of all merchants may be given.
	All bool
	// Made is who was just made, with their password, which is shown once.
	Made, Password string
}

// userBounds are whom this user manages: everybody, or the users of the merchant
// that is chosen, which is the only one where there is one.
func (p *page) userBounds() (admin.UserBounds, error) {
	switch {
	case p.user.MayEverywhere(merchant.ScopeUser):
		return admin.UserBounds{}, nil
	case p.merchant.ID != "":
		return admin.UserBounds{MerchantID: p.merchant.ID}, nil
	case len(p.merchants) == 1:
		return admin.UserBounds{MerchantID: p.merchants[0].ID}, nil
	}
	return admin.UserBounds{}, refund.Errorf(refund.KindInvalid, "merchant", "choose a merchant first")
}

// users lists the console's users.
func (p *page) users() error {
	data, err := p.usersData()
	if err != nil {
		return err
	}
	return p.render("users", data)
}

func (p *page) usersData() (usersData, error) {
	bounds, err := p.userBounds()
	if err != nil {
		return usersData{}, err
	}
	found, err := p.s.Admin.UsersWithin(p.Context(), bounds)
	return usersData{Users: found, Roles: merchant.Roles(), All: bounds.MerchantID == ""}, err
}

// addUser makes a user and shows the password once.
func (p *page) addUser() error {
	data, err := p.usersData()
	if err == nil {
		err = p.decode(&data.Form)
	}
	if err != nil {
		return err
	}
	bounds, err := p.userBounds()
	if err != nil {
		return err
	}
	write, err := p.act(bounds.MerchantID, func(by admin.By) error {
		_, made, err := p.s.Admin.AddUser(p.Context(), by, admin.NewUser{
			Email: data.Form.Email, Name: data.Form.Name, Bounds: bounds,
			Grants: []merchant.Grant{{Role: merchant.Role(data.Form.Role), MerchantID: data.Form.Merchant}},
		})
		data.Password = made
		return err
	})
	if err != nil {
		return p.renderForm("users", data, err)
	}
	made := data.Form.Email
	if write.Secret != "" {
		data.Password = write.Secret
	}
	password := data.Password
	if data, err = p.usersData(); err != nil {
		return err
	}
	data.Made, data.Password = made, password
	return p.render("users", data)
}

type oneUserData struct {
	One      merchant.User
	Sessions []merchant.Session
	Roles    []merchant.Role
	All      bool
	// Password was just made, and is shown once.
	Password string
	// Own says that it is who looks.
	Own bool
}

// oneUser shows a user with roles and sessions.
func (p *page) oneUser() error {
	data, err := p.oneUserData()
	if err != nil {
		return err
	}
	return p.render("user", data)
}

func (p *page) oneUserData() (oneUserData, error) {
	bounds, err := p.userBounds()
	if err != nil {
		return oneUserData{}, err
	}
	data := oneUserData{Roles: merchant.Roles(), All: bounds.MerchantID == ""}
	if data.One, err = p.s.Admin.UserWithin(p.Context(), p.PathValue("id"), bounds); err != nil {
		return oneUserData{}, err
	}
	data.Own = data.One.ID == p.user.ID
	data.Sessions, err = p.s.Admin.Sessions(p.Context(), data.One.ID)
	return data, err
}

// userAction is what a button of a user's page does.
type userAction func(p *page, by admin.By, id string, bounds admin.UserBounds, form userActionForm) error

type userActionForm struct {
	Role     string `form:"role"`
	Merchant string `form:"role_merchant"`
	Session  string `form:"session"`
}

func (f userActionForm) grants() []merchant.Grant {
	return []merchant.Grant{{Role: merchant.Role(f.Role), MerchantID: f.Merchant}}
}

// userActions are by the last part of the address, which is also that of the key
// of the message.
var userActions = map[string]userAction{
	"grant": func(p *page, by admin.By, id string, bounds admin.UserBounds, form userActionForm) error {
		_, err := p.s.Admin.AddRoles(p.Context(), by, id, bounds, form.grants())
		return err
	},
	"take": func(p *page, by admin.By, id string, bounds admin.UserBounds, form userActionForm) error {
		_, err := p.s.Admin.TakeRoles(p.Context(), by, id, bounds, form.grants())
		return err
	},
	"disable": func(p *page, by admin.By, id string, bounds admin.UserBounds, _ userActionForm) error {
		_, err := p.s.Admin.DisableUser(p.Context(), by, id, bounds)
		return err
	},
	"enable": func(p *page, by admin.By, id string, bounds admin.UserBounds, _ userActionForm) error {
		_, err := p.s.Admin.EnableUser(p.Context(), by, id, bounds)
		return err
	},
	"sessions": func(p *page, by admin.By, id string, bounds admin.UserBounds, form userActionForm) error {
		_, err := p.s.Admin.EndSessions(p.Context(), by, id, bounds, form.Session, "")
		return err
	},
	"totp": func(p *page, by admin.By, id string, bounds admin.UserBounds, _ userActionForm) error {
		return p.s.Admin.ResetTOTP(p.Context(), by, id, bounds)
	},
	"remove": func(p *page, by admin.By, id string, bounds admin.UserBounds, _ userActionForm) error {
		return p.s.Admin.RemoveUser(p.Context(), by, id, bounds)
	},
}

// changeUser does what a button of a user's page asks for.
func (p *page) changeUser() error {
	name, id := p.PathValue("act"), p.PathValue("id")
	if name == "password" {
		return p.resetPassword(id)
	}
	action := userActions[name]
	if action == nil {
		return p.nowhere()
	}
	var form userActionForm
	bounds, err := p.userBounds()
	if err == nil {
		err = p.decode(&form)
	}
	if err != nil {
		return err
	}
	if _, err := p.act(bounds.MerchantID, func(by admin.By) error { return action(p, by, id, bounds, form) }); err != nil {
		data, failed := p.oneUserData()
		if failed != nil {
			return err
		}
		return p.renderForm("user", data, err)
	}
	p.flash("users.done_" + name)
	if name == "remove" {
		return p.redirect(p.link("/console/settings/users"))
	}
	return p.redirect(p.link("/console/settings/users/" + id))
}

// resetPassword makes a password, which is shown once.
func (p *page) resetPassword(id string) error {
	bounds, err := p.userBounds()
	if err != nil {
		return err
	}
	made := ""
	write, err := p.act(bounds.MerchantID, func(by admin.By) (err error) {
		made, err = p.s.Admin.ResetPassword(p.Context(), by, id, bounds, "")
		return err
	})
	if err != nil {
		return err
	}
	data, err := p.oneUserData()
	if err != nil {
		return err
	}
	if data.Password = made; write.Secret != "" {
		data.Password = write.Secret
	}
	return p.render("user", data)
}

// RoleList is a user's roles as one text, with merchants' names.
func (v *view) RoleList(u merchant.User) string {
	var texts []string
	for _, g := range u.Grants {
		texts = append(texts, v.p.text("role."+string(g.Role))+" – "+v.GrantMerchant(g))
	}
	return strings.Join(texts, ", ")
}

// GrantMerchant names the merchant of a role.
func (v *view) GrantMerchant(g merchant.Grant) string {
	if g.MerchantID == "" {
		return v.p.text("layout.all_merchants")
	}
	return v.p.merchantName(g.MerchantID)
}
