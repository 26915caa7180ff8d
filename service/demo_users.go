package service

import (
	"context"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/secret"
)

// demoUsers are who signs in to the console of a demo: an admin, and who approves
// what the admin asks for. prefix is that of their names in demo.json.
var demoUsers = []struct {
	prefix, email string
	role          merchant.Role
}{
	{"", "demo@example.com", merchant.RoleAdmin},
	{"second_", "second@example.com", merchant.RoleApprover},
}

// loadDemoUsers makes sure that the demo's users are there, and returns what
// demo.json says of them. Users who are there stay as they are; a password that
// was changed since is not known any more, and "".
func (s *Service) loadDemoUsers(ctx context.Context) (map[string]string, error) {
	desk := admin.New(admin.Services{Store: s.Store, Now: s.clock.now, Log: s.opts.Log})
	told := map[string]string{}
	for _, one := range demoUsers {
		password, err := s.demoUser(ctx, desk, one.email, one.role)
		if err != nil {
			return nil, err
		}
		told[one.prefix+"user"], told[one.prefix+"password"] = one.email, password
	}
	return told, nil
}

func (s *Service) demoUser(ctx context.Context, desk *admin.Admin, email string, role merchant.Role) (password string, err error) {
	u, hash, err := s.Store.UserByEmail(ctx, email)
	if refund.KindOf(err) == refund.KindNotFound && err != nil {
		var made string
		_, made, err = desk.AddUser(ctx, admin.By{Actor: Operator()}, admin.NewUser{Email: email, Grants: []merchant.Grant{{Role: role}}, KeepPassword: true})
		if refund.KindOf(err) != refund.KindStateConflict || err == nil {
			return made, err
		}
		u, hash, err = s.Store.UserByEmail(ctx, email) // another replica was faster
	}
	if err != nil {
		return "", err
	}
	secrets, err := s.Store.UserSecrets(ctx, u.ID)
	if err != nil {
		return "", err
	}
	kept := secrets[merchant.SecretPassword]
	// Older versions kept no hash with it. To compare two hashes takes no time, and to
	// hash the password again a good part of a start.
	if kept != "" && (secrets[merchant.SecretPasswordHash] == hash || secret.PasswordFits(kept, hash)) {
		return kept, nil
	}
	return "", nil
}

// DemoSignIn is who signs in to the console of a demo, and their password; "" where
// there is no demo, or where the password was changed.
func (s *Service) DemoSignIn() (email, password string) {
	return s.demo.Console["user"], s.demo.Console["password"]
}
