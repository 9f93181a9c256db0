@echo off
rem Starts vm-balancer out of this folder: run.bat --dry-run --once
rem Settings (.env), database and log live here too.
setlocal
cd /d "%~dp0"
rem A newer version unpacked over this one has another list.
if not exist .venv\installed.txt goto install
fc /b requirements.txt .venv\installed.txt >nul 2>nul
if "%ERRORLEVEL%"=="0" goto ready

:install
call install.bat /quiet
if not "%ERRORLEVEL%"=="0" exit /b 1

:ready
.venv\Scripts\python.exe -m vm_balancer %*
exit /b %ERRORLEVEL%
