package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store"
)

// userCommand is refundry user.
type userCommand struct {
	Add      userAdd      `cmd:"" help:"Make a user of the console; the password is shown once."`
	List     userList     `cmd:"" help:"List the console's users with their roles."`
	Set      userSet      `cmd:"" help:"Change a user's roles, or whether they may sign in."`
	Password userPassword `cmd:"" help:"Give a user another password, which is shown once, and end their sessions."`
	SignOut  userSignOut  `cmd:"" help:"End a user's sessions."`
	Remove   userRemove   `cmd:"" help:"Remove a user; what they did stays on record."`
}

// everybody is whom the command line manages.
var everybody admin.UserBounds

// userRow is a user in JSON.
type userRow struct {
	ID         string        `json:"id"`
	Email      string        `json:"email"`
	Name       string        `json:"name"`
	Roles      []userRoleRow `json:"roles"`
	TOTP       bool          `json:"totp"`
	PasswordBy string        `json:"password_by,omitempty"` // who else than the user set it last
	CreatedAt  time.Time     `json:"created_at"`
	DisabledAt *time.Time    `json:"disabled_at"`
}

// userRoleRow is a role; merchant is null for all.
type userRoleRow struct {
	Role     merchant.Role `json:"role"`
	Merchant *string       `json:"merchant"`
}

func userRowOf(u merchant.User) userRow {
	row := userRow{u.ID, u.Email, u.Name, []userRoleRow{}, u.TOTP, u.PasswordBy.First().String(), u.CreatedAt, moment(u.DisabledAt)}
	for _, g := range u.Grants {
		role := userRoleRow{Role: g.Role}
		if g.MerchantID != "" {
			role.Merchant = &g.MerchantID
		}
		row.Roles = append(row.Roles, role)
	}
	return row
}

// roleFlags are the roles of a user.
type roleFlags struct {
	Role     []merchant.Role `help:"What the user may do: viewer, support, operator, approver, admin; several by commas." placeholder:"ROLE,..."`
	Merchant []string        `help:"Only of these merchants, by id or name; default of all." placeholder:"MERCHANT,..." describes:""`
}

// grants finds the merchants and makes the roles of them.
func (r roleFlags) grants(ctx context.Context, s *store.Store) ([]merchant.Grant, error) {
	ids := []string{}
	for _, name := range r.Merchant {
		m, err := merchantFlags{Merchant: name}.find(ctx, s)
		if err != nil {
			return nil, err
		}
		ids = append(ids, m.ID)
	}
	if len(r.Merchant) == 0 {
		ids = append(ids, "")
	}
	var grants []merchant.Grant
	for _, role := range r.Role {
		for _, id := range ids {
			grants = append(grants, merchant.Grant{Role: role, MerchantID: id})
		}
	}
	return grants, nil
}

// passwordFlags are a password that is given.
type passwordFlags struct {
	PasswordFile string `help:"File with the password as its only line; default one is made and shown." type:"path" placeholder:"FILE"`
}

func (p passwordFlags) password() (string, error) {
	if p.PasswordFile == "" {
		return "", nil
	}
	text, err := readSecretFile(p.PasswordFile)
	if err != nil {
		return "", fmt.Errorf("read password: %w", err)
	}
	return text, nil
}

type userAdd struct {
	databaseFlags
	jsonFlag
	roleFlags
	passwordFlags
	Email string `arg:"" help:"Address that the user signs in with."`
	Name  string `help:"What the user is called." placeholder:"TEXT"`
}

func (c *userAdd) Run(e *environment) error {
	if len(c.Role) == 0 {
		return usageError{"say what the user may do: --role viewer, support, operator, approver or admin"}
	}
	password, err := c.password()
	if err != nil {
		return err
	}
	s, err := c.openOrMake(e)
	if err != nil {
		return err
	}
	defer s.Close()
	grants, err := c.grants(e, s)
	if err != nil {
		return err
	}
	desk, by, err := e.admin(s)
	if err != nil {
		return err
	}
	u, made, err := desk.AddUser(e, by, admin.NewUser{Email: c.Email, Name: c.Name, Grants: grants, Password: password})
	if err != nil {
		return asUsage(err)
	}
	return e.printPassword(c.JSON, u, made, "was made")
}

// printPassword shows a user, and the password that was made, "" for none.
func (e *environment) printPassword(asJSON bool, u merchant.User, made, what string) error {
	if asJSON {
		return e.printJSON(struct {
			userRow
			Password string `json:"password,omitempty"`
		}{userRowOf(u), made})
	}
	if made == "" {
		e.say("user %s (%s) %s", u.ID, u.Email, what)
		return nil
	}
	e.say("user %s (%s) %s; the password is shown this once:", u.ID, u.Email, what)
	_, err := fmt.Fprintln(e.out, made)
	return err
}

type userList struct {
	databaseFlags
	jsonFlag
}

func (c *userList) Run(e *environment) error {
	s, err := c.open(e)
	if err != nil {
		return err
	}
	defer s.Close()
	users, err := s.Users(e)
	if err != nil {
		return err
	}
	return printList(e, c.JSON, users, userRowOf, []string{"EMAIL", "NAME", "ROLES", "TOTP", "CREATED", "DISABLED"}, func(u merchant.User) []string {
		var roles []string
		for _, g := range u.Grants {
			roles = append(roles, g.String())
		}
		return []string{u.Email, u.Name, strings.Join(roles, ", "), map[bool]string{true: "yes", false: "no"}[u.TOTP], when(u.CreatedAt), when(u.DisabledAt)}
	})
}

// userFlags name the user that a command is about.
type userFlags struct {
	databaseFlags
	jsonFlag
	User string `arg:"" help:"User by address or id."`
}

// userDesk is an open database with the user that is meant.
type userDesk struct {
	*admin.Admin
	by    admin.By
	store *store.Store
	user  merchant.User
}

func (c *userFlags) find(e *environment) (*userDesk, error) {
	s, err := c.open(e)
	if err != nil {
		return nil, err
	}
	d := &userDesk{store: s}
	if d.user, _, err = s.UserByEmail(e, merchant.NormalEmail(c.User)); err != nil && refund.KindOf(err) == refund.KindNotFound {
		d.user, err = s.User(e, c.User)
	}
	if err == nil {
		d.Admin, d.by, err = e.admin(s)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return d, nil
}

type userSet struct {
	userFlags
	roleFlags
	AddRole bool `help:"Add the roles to those that the user has; default they take the place of all." name:"add"`
	Disable bool `help:"Have the user not sign in any more, and end their sessions."`
	Enable  bool `help:"Take --disable back."`
}

func (c *userSet) Run(e *environment) error {
	switch {
	case c.Disable && c.Enable:
		return usageError{"--disable and --enable say the opposite"}
	case len(c.Role) == 0 && !c.Disable && !c.Enable:
		return usageError{"say what changes: --role, --disable or --enable"}
	case len(c.Role) == 0 && (len(c.Merchant) > 0 || c.AddRole):
		return usageError{"--merchant and --add go with --role"}
	}
	d, err := c.find(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	u := d.user
	if len(c.Role) > 0 {
		var grants []merchant.Grant
		grants, err = c.grants(e, d.store)
		switch {
		case err != nil:
		case c.AddRole:
			u, err = d.AddRoles(e, d.by, u.ID, everybody, grants)
		default:
			u, err = d.ChangeRoles(e, d.by, u.ID, everybody, grants)
		}
	}
	switch {
	case err != nil:
	case c.Disable:
		u, err = d.DisableUser(e, d.by, u.ID, everybody)
	case c.Enable:
		u, err = d.EnableUser(e, d.by, u.ID, everybody)
	}
	if err != nil {
		return asUsage(err)
	}
	return e.printPassword(c.JSON, u, "", "was changed")
}

type userPassword struct {
	userFlags
	passwordFlags
}

func (c *userPassword) Run(e *environment) error {
	password, err := c.password()
	if err != nil {
		return err
	}
	d, err := c.find(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	made, err := d.ResetPassword(e, d.by, d.user.ID, everybody, password)
	if err != nil {
		return asUsage(err)
	}
	return e.printPassword(c.JSON, d.user, made, "has another password")
}

type userSignOut struct{ userFlags }

func (c *userSignOut) Run(e *environment) error {
	d, err := c.find(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	ended, err := d.EndSessions(e, d.by, d.user.ID, everybody, "", "")
	if err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(map[string]int64{"ended": ended})
	}
	e.say("%d sessions of %s ended", ended, d.user.Email)
	return nil
}

type userRemove struct{ userFlags }

func (c *userRemove) Run(e *environment) error {
	d, err := c.find(e)
	if err != nil {
		return err
	}
	defer d.store.Close()
	if err := d.RemoveUser(e, d.by, d.user.ID, everybody); err != nil {
		return err
	}
	if c.JSON {
		return e.printJSON(map[string]any{"id": d.user.ID, "email": d.user.Email, "removed": true})
	}
	e.say("user %s (%s) was removed", d.user.ID, d.user.Email)
	return nil
}
