package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/refundry/refundry/admin"
	"github.com/refundry/refundry/audit"
	"github.com/refundry/refundry/merchant"
	"github.com/refundry/refundry/refund"
	"github.com/refundry/refundry/store/sqldb"
)

const (
	// userColumns is what scanUser reads, of a table named u.
	userColumns = `u.id, u.email, u.name, u.password, u.totp_at, u.language, u.time_zone, u.created_at, u.disabled_at,
		u.password_by, u.password_at, u.own_password_at, u.totp_reset_by, u.totp_reset_at`
	insertUser = `INSERT INTO users (id, email, name, password, sealed, language, time_zone, created_at, password_by, password_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING`
	userByID    = `SELECT ` + userColumns + ` FROM users u WHERE u.id = $1`
	userByEmail = `SELECT ` + userColumns + ` FROM users u WHERE u.email = $1`
	allUsers    = `SELECT ` + userColumns + ` FROM users u ORDER BY u.email`
	allRoles    = `SELECT r.user_id, r.merchant_id, r.role FROM user_roles r ORDER BY r.merchant_id, r.role`
	rolesOf     = `SELECT r.user_id, r.merchant_id, r.role FROM user_roles r WHERE r.user_id = $1 ORDER BY r.merchant_id, r.role`
	insertRole  = `INSERT INTO user_roles (user_id, merchant_id, role) VALUES ($1, $2, $3)`
	changeUser  = `UPDATE users SET name = $2, language = $3, time_zone = $4, disabled_at = $5 WHERE id = $1`
)

// scanUser reads a user without roles, and the hash of the password.
func scanUser(scan func(...any) error, more ...any) (merchant.User, string, error) {
	var u merchant.User
	var password string
	var totpAt, createdAt, disabledAt, passwordAt, ownAt, resetAt int64
	err := scan(append([]any{
		&u.ID, &u.Email, &u.Name, &password, &totpAt, &u.Language, &u.TimeZone, &createdAt, &disabledAt,
		(*string)(&u.PasswordBy), &passwordAt, &ownAt, (*string)(&u.TOTPResetBy), &resetAt,
	}, more...)...)
	if err != nil {
		return merchant.User{}, "", fmt.Errorf("read user: %w", err)
	}
	u.Password, u.TOTP = password != "", totpAt != 0
	u.CreatedAt, u.DisabledAt = sqldb.FromMicros(createdAt), sqldb.FromMicros(disabledAt)
	u.PasswordAt, u.OwnPasswordAt = sqldb.FromMicros(passwordAt), sqldb.FromMicros(ownAt)
	u.TOTPAt, u.TOTPResetAt = sqldb.FromMicros(totpAt), sqldb.FromMicros(resetAt)
	return u, password, nil
}

// roles reads roles by user.
func roles(ctx context.Context, q sqldb.Querier, text string, args ...any) (map[string][]merchant.Grant, error) {
	found := map[string][]merchant.Grant{}
	err := q.Query(ctx, text, args, func(scan func(...any) error) error {
		var id string
		var g merchant.Grant
		err := scan(&id, &g.MerchantID, (*string)(&g.Role))
		found[id] = append(found[id], g)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read roles: %w", err)
	}
	return found, nil
}

// Users lists all users with their roles, by their addresses.
func (s *Store) Users(ctx context.Context) ([]merchant.User, error) {
	var found []merchant.User
	err := s.Read(ctx, func(q sqldb.Querier) error {
		granted, err := roles(ctx, q, allRoles)
		if err != nil {
			return err
		}
		return q.Query(ctx, allUsers, nil, func(scan func(...any) error) error {
			u, _, err := scanUser(scan)
			u.Grants = granted[u.ID]
			found = append(found, u)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return found, nil
}

// oneUser reads one user with roles, and the hash of the password. KindNotFound.
func oneUser(ctx context.Context, q sqldb.Querier, text, name string) (merchant.User, string, error) {
	var u merchant.User
	var password string
	err := q.Query(ctx, text, []any{name}, func(scan func(...any) error) (err error) {
		u, password, err = scanUser(scan)
		return err
	})
	if err == nil && u.ID == "" {
		err = refund.Errorf(refund.KindNotFound, "user", "there is no user %q", name)
	}
	if err != nil {
		return merchant.User{}, "", err
	}
	granted, err := roles(ctx, q, rolesOf, u.ID)
	u.Grants = granted[u.ID]
	return u, password, err
}

// User finds a user by id. KindNotFound.
func (s *Store) User(ctx context.Context, id string) (u merchant.User, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		u, _, err = oneUser(ctx, q, userByID, id)
		return err
	})
	return u, err
}

// UserByEmail finds a user by the address that they sign in with, and the hash of
// their password, "" for none. KindNotFound.
func (s *Store) UserByEmail(ctx context.Context, email string) (u merchant.User, password string, err error) {
	err = s.Read(ctx, func(q sqldb.Querier) error {
		u, password, err = oneUser(ctx, q, userByEmail, email)
		return err
	})
	return u, password, err
}

// AddUser writes a new user with roles, with the hash of a password, and with
// secrets, which are sealed. KindStateConflict where another has the address.
func (s *Store) AddUser(ctx context.Context, u merchant.User, password string, secrets map[string]string, record refund.Action) error {
	sealed, err := s.sealUser(u.ID, secrets)
	if err != nil {
		return err
	}
	return s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		added, err := q.Exec(ctx, insertUser, u.ID, u.Email, u.Name, password, sealed, u.Language, u.TimeZone, sqldb.Micros(u.CreatedAt),
			string(u.PasswordBy), sqldb.Micros(u.PasswordAt))
		if err == nil && added == 0 {
			err = refund.Errorf(refund.KindStateConflict, "email", "there is a user %s already", u.Email)
		}
		if err == nil {
			err = grantRoles(ctx, q, u)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
}

// userTable is bound into the seals of users' secrets.
const userTable = "users"

// sealUser seals a user's secrets; without some, no master key is needed.
func (s *Store) sealUser(id string, secrets map[string]string) (string, error) {
	if len(secrets) == 0 {
		return "", nil
	}
	text, err := json.Marshal(secrets)
	if err != nil {
		return "", fmt.Errorf("encode user: %w", err)
	}
	return s.seal(text, userTable, id)
}

// UserSecrets are a user's secrets by name: merchant.SecretTOTP, and
// merchant.SecretPassword of the demo's users. KindNotFound.
func (s *Store) UserSecrets(ctx context.Context, id string) (map[string]string, error) {
	var secrets map[string]string
	err := s.Read(ctx, func(q sqldb.Querier) (err error) {
		secrets, err = s.userSecrets(ctx, q, id)
		return err
	})
	return secrets, err
}

func (s *Store) userSecrets(ctx context.Context, q sqldb.Querier, id string) (map[string]string, error) {
	secrets, sealed, found := map[string]string{}, "", false
	err := q.Query(ctx, `SELECT u.sealed FROM users u WHERE u.id = $1`, []any{id}, func(scan func(...any) error) error {
		found = true
		return scan(&sealed)
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read user: %w", err)
	case !found:
		return nil, refund.Errorf(refund.KindNotFound, "user", "there is no user %q", id)
	case sealed == "":
		return secrets, nil
	}
	text, err := s.unseal(sealed, userTable, id)
	if err == nil {
		err = json.Unmarshal(text, &secrets)
	}
	if err != nil {
		return nil, fmt.Errorf("read user: %w", err)
	}
	return secrets, nil
}

func grantRoles(ctx context.Context, q sqldb.Querier, u merchant.User) error {
	for _, g := range u.Grants {
		if _, err := q.Exec(ctx, insertRole, u.ID, g.MerchantID, string(g.Role)); err != nil {
			return fmt.Errorf("grant %s: %w", g, err)
		}
	}
	return nil
}

// ChangeUser lets change alter a user's name, roles, language, time zone and
// whether it is disabled, under a lock, and returns the user. One that is disabled then has
// no session any more. KindNotFound.
func (s *Store) ChangeUser(ctx context.Context, id string, action refund.Action, change admin.UserChange) (u merchant.User, err error) {
	err = s.writeOnce(ctx, action.MerchantID, action.Write, func(q sqldb.Querier) error {
		if err := lockUser(ctx, q, id); err != nil {
			return err
		}
		if u, _, err = oneUser(ctx, q, userByID, id); err != nil {
			return err
		}
		record, err := change(&u, action.Record)
		if err != nil {
			return err
		}
		if _, err := q.Exec(ctx, changeUser, id, u.Name, u.Language, u.TimeZone, sqldb.Micros(u.DisabledAt)); err != nil {
			return err
		}
		if _, err := q.Exec(ctx, `DELETE FROM user_roles WHERE user_id = $1`, id); err != nil {
			return err
		}
		if err := grantRoles(ctx, q, u); err != nil {
			return err
		}
		if u.Disabled() {
			if _, err := q.Exec(ctx, endSessions, id, ""); err != nil {
				return err
			}
		}
		return s.appendRecord(ctx, q, record)
	})
	return u, err
}

// appendRecord is appendAudit, but for the zero Record, which stands for nothing
// that anybody has to know.
func (s *Store) appendRecord(ctx context.Context, q sqldb.Querier, record audit.Record) error {
	if record.Action == "" {
		return nil
	}
	return s.appendAudit(ctx, q, record)
}

func lockUser(ctx context.Context, q sqldb.Querier, id string) error {
	return q.Query(ctx, `SELECT u.id FROM users u WHERE u.id = $1`+q.Lock(""), []any{id}, func(scan func(...any) error) error {
		return scan(new(string))
	})
}

// SetPassword keeps another password's hash and ends the user's sessions but the
// one named keep, "" for none. by is who sets it, "" for the user, and stays on record
// after the user has set another. KindNotFound.
func (s *Store) SetPassword(ctx context.Context, id, password, keep string, by audit.Behind, record refund.Action) error {
	const (
		own     = `UPDATE users SET password = $2, own_password_at = $3 WHERE id = $1`
		another = `UPDATE users SET password = $2, password_at = $3, password_by = $4 WHERE id = $1`
	)
	return s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		text, args := own, []any{id, password, sqldb.Micros(record.At)}
		if by != "" {
			text, args = another, append(args, string(by))
		}
		touched, err := q.Exec(ctx, text, args...)
		if err == nil && touched == 0 {
			err = refund.Errorf(refund.KindNotFound, "user", "there is no user %q", id)
		}
		if err == nil {
			_, err = q.Exec(ctx, endSessions, id, keep)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
}

// RemoveUser deletes a user with roles and sessions. KindNotFound.
func (s *Store) RemoveUser(ctx context.Context, id string, record refund.Action) error {
	return s.writeOnce(ctx, record.MerchantID, record.Write, func(q sqldb.Querier) error {
		touched, err := q.Exec(ctx, `DELETE FROM users WHERE id = $1`, id)
		if err == nil && touched == 0 {
			err = refund.Errorf(refund.KindNotFound, "user", "there is no user %q", id)
		}
		if err != nil {
			return err
		}
		return s.appendAudit(ctx, q, record.Record)
	})
}
