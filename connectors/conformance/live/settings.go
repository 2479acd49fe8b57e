package live

import (
	"context"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"heji/connectors"
	"heji/connectors/mapping"
	"heji/schema"
)

func mappingIsRight(_ context.Context, x *session) (Text, error) {
	p, err := x.parse(x.File)
	if err != nil {
		return Text{}, err
	}
	x.spec = p
	x.mapped, err = mapping.New(p)
	if err != nil {
		return Text{}, err
	}
	written := x.received()
	return say("映射 %d 个字段，其中回写 %d 个", "%d fields are mapped, %d of them are written back", len(x.mapped.Attributes()), len(written)), nil
}

// received are the attributes that the platform takes, in order.
func (x *session) received() []schema.Attribute {
	var out []schema.Attribute
	for _, a := range x.mapped.Attributes() {
		if x.spec.Agreement.Mode(a) != schema.Never && x.mapped.Writable(a) {
			out = append(out, a)
		}
	}
	return out
}

func reached(ctx context.Context, x *session) (Text, error) {
	c, err := x.open(ctx)
	if err != nil {
		return Text{}, err
	}
	return Text{}, c.Check(ctx)
}

// Names that no platform has.
const (
	foreignKey    = "heji_no_such_setting"
	foreignColumn = "heji_no_such_column"
)

// wrongSettings makes mistakes in copies of the file that do not touch the
// platform's account: a wrong password, tried often enough, locks it.
func wrongSettings(ctx context.Context, x *session) (Text, error) {
	if x.spec == nil {
		return Text{}, leave("配置文件有误，无法继续", "the file is wrong, so there is nothing to go on with")
	}
	file, err := edit(x.File, func(root *yaml.Node) bool {
		connect := valueOf(root, "connect")
		if connect == nil || connect.Kind != yaml.MappingNode {
			return false
		}
		connect.Content = append(connect.Content, scalar(foreignKey), scalar("1"))
		return true
	})
	if err != nil {
		return Text{}, err
	}
	if err := x.trouble(ctx, file, false); err == nil || !strings.Contains(err.Error(), foreignKey) {
		return Text{}, fail("connect 中写错的设置没有被指出", "a setting that does not exist in connect was not named")
	}
	for _, name := range variables(x.File) {
		_, err := x.parseWith(x.File, func(n string) (string, bool) {
			if n == name {
				return "", false
			}
			return x.Environment(n)
		})
		if err == nil || !strings.Contains(err.Error(), name) {
			return Text{}, fail("缺少环境变量 %s 时没有指出", "the missing environment variable %s was not named", name)
		}
		break
	}
	file, err = edit(x.File, x.renameColumn)
	if err != nil {
		return Text{}, err
	}
	err = x.trouble(ctx, file, true)
	switch {
	case err == nil:
		return say("写错的设置都被指出；写错的列名在有数据时才能发现", "wrong settings were named; a wrong column shows only once there are rows"), nil
	case !strings.Contains(err.Error(), foreignColumn):
		return Text{}, fail("列名写错时没有指出是哪一列", "a column that is not there was not named")
	}
	return say("写错的设置、环境变量和列名都被指出", "a wrong setting, variable and column were each named"), nil
}

// trouble is the first error on the way from a file to its first rows.
func (x *session) trouble(ctx context.Context, file []byte, reach bool) error {
	p, err := x.parse(file)
	if err != nil {
		return err
	}
	c, err := connectors.Open(ctx, p, x.surroundings())
	x.heard(err)
	if err != nil || !reach {
		if err == nil {
			err = c.Close()
		}
		return err
	}
	if err = c.Check(ctx); err == nil {
		enough := errors.New("one batch is enough")
		if err = c.Pull(ctx, nil, func(connectors.Batch) error { return enough }); errors.Is(err, enough) {
			err = nil
		}
	}
	x.heard(err)
	return errors.Join(err, c.Close())
}

// renameColumn gives a field a column that is not there, and says that the
// platform must have it.
func (x *session) renameColumn(root *yaml.Node) bool {
	fields := valueOf(root, "fields")
	if fields == nil {
		return false
	}
	for i := 1; i < len(fields.Content); i += 2 {
		column := valueOf(fields.Content[i], "column")
		if column == nil || slices.Contains(x.spec.Key, column.Value) || x.used(column.Value) > 1 {
			continue
		}
		column.Value = foreignColumn
		if required := valueOf(fields.Content[i], "required"); required != nil {
			required.Value = "true"
		} else {
			fields.Content[i].Content = append(fields.Content[i].Content, scalar("required"), &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
		}
		return true
	}
	return false
}

// used counts in how many places the file names a column: one that is named
// elsewhere, too, would be missed for another reason.
func (x *session) used(column string) int {
	n := 0
	for _, name := range []string{x.spec.ChangeColumn, x.spec.VersionColumn, x.spec.TokenColumn} {
		if name == column {
			n++
		}
	}
	for _, f := range x.spec.Fields {
		if slices.Contains(f.ColumnNames(), column) {
			n++
		}
	}
	return n
}

// edit changes a copy of a YAML file. Where there is nothing to change, the
// check is left out.
func edit(file []byte, change func(root *yaml.Node) bool) ([]byte, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(file, &doc); err != nil {
		return nil, err
	}
	if len(doc.Content) == 0 || !change(doc.Content[0]) {
		return nil, leave("配置文件中没有可试错之处", "the file has nothing to make a mistake in")
	}
	return yaml.Marshal(&doc)
}

func valueOf(n *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(n.Content) && n.Kind == yaml.MappingNode; i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func scalar(text string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Value: text} }

var variable = regexp.MustCompile(`\$\{([A-Za-z_][A-Za-z0-9_]*)\}`)

// variables are the ${NAME} below connect, in order; comments hold none.
func variables(file []byte) []string {
	var doc yaml.Node
	if yaml.Unmarshal(file, &doc) != nil || len(doc.Content) == 0 {
		return nil
	}
	var out []string
	var walk func(n *yaml.Node)
	walk = func(n *yaml.Node) {
		for _, m := range variable.FindAllStringSubmatch(n.Value, -1) {
			if !slices.Contains(out, m[1]) {
				out = append(out, m[1])
			}
		}
		for _, below := range n.Content {
			walk(below)
		}
	}
	if connect := valueOf(doc.Content[0], "connect"); connect != nil {
		walk(connect)
	}
	return out
}

// secrets looks through every message for what came from the environment, and
// for the passwords inside addresses.
func secrets(_ context.Context, x *session) (Text, error) {
	if x.spec == nil {
		return Text{}, leave("配置文件有误，无法继续", "the file is wrong, so there is nothing to go on with")
	}
	hidden := []string{}
	for _, name := range variables(x.File) {
		value, _ := x.Environment(name)
		if u, err := url.Parse(value); err == nil && u.User != nil {
			switch password, _ := u.User.Password(); {
			case len(password) >= 6:
				hidden = append(hidden, password)
			case password != "": // a word like demo is in many a path
				hidden = append(hidden, ":"+password+"@")
			}
			continue // the rest of an address may be named: without it nobody finds the fault
		}
		if len(value) >= 8 && !strings.HasPrefix(value, "/") && !strings.Contains(value, "://") {
			hidden = append(hidden, value)
		}
	}
	for _, text := range x.said {
		for _, h := range hidden {
			if strings.Contains(text, h) {
				return Text{}, fail("有一条提示里出现了来自环境变量的内容", "a message repeats what came from the environment")
			}
		}
	}
	return say("查看了 %d 条提示", "%d messages were looked through", len(x.said)), nil
}
