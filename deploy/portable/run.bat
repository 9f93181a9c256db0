@echo off
rem Starts vm-balancer from this folder: run.bat --dry-run --once
rem Settings (.env), database and log are here too.
setlocal
cd /d "%~dp0"
rem If a newer version was unpacked over this one, its list differs.
if not exist .venv\installed.txt goto install
fc /b requirements.txt .venv\installed.txt >nul 2>nul
if "%ERRORLEVEL%"=="0" goto ready

:install
call install.bat /quiet
if not "%ERRORLEVEL%"=="0" exit /b 1

:ready
.venv\Scripts\python.exe -m vm_balancer %*
exit /b %ERRORLEVEL%
