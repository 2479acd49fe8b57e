// Command heji is the one binary: it only wires.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"heji/connectors"
)

// version is set by the build.
var version = "dev"

var commands struct {
	Serve       serveCommand     `cmd:"" help:"Run the services: all of them, or the ones named. 运行服务。"`
	Demo        demoCommand      `cmd:"" help:"Show the whole road with a simulated district. 演示：二十四个模拟部门平台。"`
	DemoGateway demoGateway      `cmd:"" hidden:"" help:"The program of the demo's volunteers."`
	Chaos       chaosCommand     `cmd:"" help:"Kill, cut off and lie to a small district, round after round, and count what that cost. 混沌试验。"`
	Struck      chaosChild       `cmd:"" name:"chaos-child" hidden:"" help:"What heji chaos kills."`
	Doctor      doctorCommand    `cmd:"" help:"Check settings, engines and platforms, and say what to do. 体检。"`
	Platform    platformCommand  `cmd:"" help:"Connect department platforms: new, discover, check, preview, verify; pause, resync, dead rows. 接入部门平台。"`
	Writes      writesCommand    `cmd:"" help:"Stop or resume everything outgoing. 停止或恢复全部回写。"`
	Sealed      sealedCommand    `cmd:"" hidden:"" help:"The satellite of sealed platforms. 封存平台。"`
	Audit       auditCommand     `cmd:"" help:"Verify, export and keep the audit trail. 审计：校验、导出、保存期限。"`
	Statement   statementCommand `cmd:"" help:"Count a month's writes by department, platform and attribute. 写入月报。"`
	User        userCommand      `cmd:"" help:"Accounts of people, tokens of programs. 账号与令牌。"`
	Body        bodyCommand      `cmd:"" help:"Communities and streets, and what they answer for. 社区、街道及其职责。"`
	Relink      relinkCommand    `cmd:"" help:"Go over to another model of who is who. 换用新的关联模型。"`

	Link    linkCommand    `cmd:"" help:"Find out which records of CSV files are one. 关联文件中的记录。"`
	Train   trainCommand   `cmd:"" help:"Learn a model's weights from records without labels. 训练模型。"`
	Explain explainCommand `cmd:"" help:"Show why two records are, or are not, taken for one. 说明理由。"`
	Score   scoreCommand   `cmd:"" help:"Compare links with a known truth: precision, recall, F1. 评分。"`
	Bench   benchCommand   `cmd:"" help:"Measure linkage and the whole pipeline on invented residents. 基准测试。"`

	Crypto  string           `help:"Algorithms for what is hashed and encrypted: international (SHA-256, AES) or sm (国密 SM3, SM4)." enum:"international,sm" default:"international" env:"HEJI_CRYPTO"`
	Log     string           `help:"Log format: text or json." enum:"text,json" default:"text" env:"HEJI_LOG"`
	Verbose bool             `help:"Log what is done, not only what is wrong." short:"v"`
	Version kong.VersionFlag `help:"Print the version."`
}

func main() {
	k := kong.Parse(&commands, kong.Name("heji"),
		kong.Description("Heji 合籍: community staff enter a resident once; every department platform shows it."),
		kong.UsageOnError(), kong.Vars{"version": version, "kinds": "One of: " + strings.Join(connectors.Kinds(), ", ") + "."})
	// The first Ctrl-C stops cleanly, the second at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run()
	if status := exitStatus(0); errors.As(err, &status) {
		stop()
		os.Exit(int(status))
	}
	if err != nil && !errors.Is(err, context.Canceled) {
		if zh := inChinese(err); zh != "" {
			fmt.Fprintln(os.Stderr, "heji:", zh)
		}
		fmt.Fprintln(os.Stderr, "heji:", err)
		stop()
		os.Exit(1)
	}
}
