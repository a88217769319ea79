#ps1_sysnative
# Run once by cloudbase-init at a server's first start. The image has IIS and the application; here
# is only what differs from evening to evening. No secrets: any process on the server can read this.
$ErrorActionPreference = "Stop"

# The core's addresses are reached by the private network alone.
Set-DnsClientGlobalSetting -SuffixSearchList @("core.internal")

# A server is used for hours: updates come with the next image, never during an evening.
Stop-Service -Name wuauserv
Set-Service -Name wuauserv -StartupType Disabled

# The first request of an evening finds the application started.
Import-Module WebAdministration
Set-ItemProperty "IIS:\AppPools\api" -Name startMode -Value AlwaysRunning
Set-ItemProperty "IIS:\Sites\api" -Name applicationDefaults.preloadEnabled -Value $true
Start-WebAppPool -Name "api"
Start-Website -Name "api"

# The health page answers 200 by itself once the application can serve: nothing to wait for here.
